//! The options before a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT), as sshd reads them: one mistake, and it ignores the line.

use std::net::IpAddr;

/// What the options of a line say about who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The key is an authority that signs certificates.
    pub(super) authority: bool,
    /// The command that runs whatever the client asks for.
    pub(super) command: Option<String>,
    /// From where.
    pub(super) from: Option<String>,
    /// Until when: the earliest one as digits, `YYYYMMDD` with `HHMM` and `SS` if they are given, and whether that is UTC.
    pub(super) until: Option<String>,
    /// The names of which a certificate must have one.
    pub(super) principals: Option<String>,
}

/// Why sshd ignores a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It does not know an option.
    Unknown(String),
    /// An option has a value that it does not take, or none, or stands twice.
    Value(&'static str),
}

/// Options without a value.
const FLAGS: [&str; 2] = ["restrict", "cert-authority"];

/// Options without a value that `no-` may stand before.
const SWITCHES: [&str; 7] =
    ["port-forwarding", "agent-forwarding", "x11-forwarding", "touch-required", "verify-required", "pty", "user-rc"];

/// Options with a value.
const VALUED: [&str; 8] =
    ["command", "principals", "from", "expiry-time", "environment", "permitopen", "permitlisten", "tunnel"];

impl Options {
    /// Reads the options of a line.
    pub(super) fn of(text: &str) -> Result<Self, Wrong> {
        let mut options = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            // Empty options between commas count for nothing.
            if let Some(next) = rest.strip_prefix(',') {
                rest = next;
                continue;
            }
            rest = options.one(rest)?;
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(Wrong::Unknown(name(text, rest)));
            }
        }
        Ok(options)
    }

    /// Takes one option, and gives back what follows.
    fn one<'t>(&mut self, text: &'t str) -> Result<&'t str, Wrong> {
        let positive = text.get(..3).filter(|no| no.eq_ignore_ascii_case("no-")).and_then(|_| text.get(3..));
        let flag = FLAGS.into_iter().find_map(|flag| Some((flag, after(text, flag)?)));
        let switch = SWITCHES.into_iter().find_map(|switch| after(positive.unwrap_or(text), switch));
        if let Some((flag, rest)) = flag {
            self.authority |= flag == "cert-authority";
            return Ok(rest);
        }
        if let Some(rest) = switch {
            return Ok(rest);
        }
        let valued = VALUED.into_iter().find_map(|name| Some((name, after(text, name)?.strip_prefix('=')?)));
        let Some((name, quoted)) = valued else { return Err(Wrong::Unknown(name(text, ""))) };
        let (value, rest) = unquoted(quoted).ok_or(Wrong::Value(name))?;
        let once = |place: &mut Option<String>, value| match place.replace(value) {
            Some(_) => Err(Wrong::Value(name)),
            None => Ok(()),
        };
        match name {
            "command" => once(&mut self.command, value)?,
            "principals" => once(&mut self.principals, value)?,
            "from" => once(&mut self.from, value)?,
            "expiry-time" => {
                let time = time(&value).ok_or(Wrong::Value(name))?;
                let earlier = self.until.as_ref().is_none_or(|until| time < *until);
                if earlier {
                    self.until = Some(time);
                }
            }
            _ if !is_right(name, &value) => return Err(Wrong::Value(name)),
            _ => {}
        }
        Ok(rest)
    }
}

/// What follows a name, in any case.
fn after<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (begin, rest) = text.split_at_checked(name.len())?;
    begin.eq_ignore_ascii_case(name).then_some(rest)
}

/// The name of the option at the beginning of a text, or of the one before its rest.
fn name(text: &str, rest: &str) -> String {
    let before = text.strip_suffix(rest).unwrap_or(text);
    let before = if rest.is_empty() { before } else { before.rsplit(',').next().unwrap_or_default() };
    let end = before.find([',', '=', '"']).unwrap_or(before.len());
    before.get(..end).unwrap_or(before).to_ascii_lowercase()
}

/// A value in double quotes, and what follows it. A backslash takes the meaning from a quote alone.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.strip_prefix('"')?.chars();
    loop {
        match letters.next()? {
            '"' => return Some((value, letters.as_str())),
            '\\' if letters.as_str().starts_with('"') => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
}

/// The digits of a time if it is one that sshd reads; `Z` or `UTC` may follow.
fn time(value: &str) -> Option<String> {
    let upper = value.to_ascii_uppercase();
    let digits = upper.strip_suffix("UTC").or_else(|| upper.strip_suffix('Z')).unwrap_or(&upper);
    let is_time = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let within = |from, to, least, most| part(from, to).is_none_or(|part| (least..=most).contains(&part));
    let fits = within(4, 6, 1, 12) && within(6, 8, 1, 31) && within(8, 10, 0, 23) && within(10, 12, 0, 59);
    (is_time && fits && within(12, 14, 0, 61)).then(|| digits.to_owned())
}

/// Whether an entry of `from=` is a network that sshd takes for a mistake: it has bits behind its mask.
pub(super) fn is_bad_network(entry: &str) -> bool {
    let Some((address, length)) = entry.trim_start_matches('!').split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (bits, all) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    length > all || bits.trailing_zeros().min(all) < all - length
}

/// Whether the time of an `expiry-time=` is over, here and now.
pub(super) fn is_past(time: &str) -> bool {
    let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    format!("{time:0<14}") <= now
}

/// Whether an option that gives no way in has a value that sshd takes.
fn is_right(name: &str, value: &str) -> bool {
    match name {
        "environment" => value.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        }),
        "tunnel" => value == "any" || value.parse::<u32>().is_ok(),
        "permitopen" => host(value).is_some_and(|host| !host.is_empty()),
        _ => host(value).is_some() || is_port(value),
    }
}

/// The host of `HOST:PORT` or `[HOST]:PORT`.
fn host(value: &str) -> Option<&str> {
    value.rsplit_once(':').filter(|(_, port)| is_port(port)).map(|(host, _)| host)
}

fn is_port(port: &str) -> bool {
    port == "*" || port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_divided_by_commas_outside_quotes() {
        let text = r#"Restrict,command="echo \",\" # = c",from="10.0.0.1,!*.local",cert-authority,no-verify-required,expiry-time="20300102",expiry-time="20300101Z""#;
        let expected = Options {
            authority: true,
            command: Some(r#"echo "," # = c"#.to_owned()),
            from: Some("10.0.0.1,!*.local".to_owned()),
            until: Some("20300101".to_owned()),
            principals: None,
        };
        assert_eq!(Options::of(text), Ok(expected));
        for nothing in ["", "restrict,", ",restrict"] {
            assert_eq!(Options::of(nothing), Ok(Options::default()), "{nothing}");
        }
    }

    #[test]
    fn one_mistake_makes_sshd_ignore_the_line() {
        let unknown = |name: &str| Err(Wrong::Unknown(name.to_owned()));
        for (text, expected) in [
            ("no-ptty", unknown("no-ptty")),
            ("restrict,form=\"x\"", unknown("form")),
            ("no-restrict", unknown("no-restrict")),
            ("no-pty=1", unknown("no-pty")),
            ("command=true", Err(Wrong::Value("command"))),
            ("command=\"a\",command=\"b\"", Err(Wrong::Value("command"))),
            ("command", unknown("command")),
            ("expiry-time=\"2099-01-01\"", Err(Wrong::Value("expiry-time"))),
            ("expiry-time=\"20991301\"", Err(Wrong::Value("expiry-time"))),
            ("environment=\"=x\"", Err(Wrong::Value("environment"))),
            ("permitopen=\"host\"", Err(Wrong::Value("permitopen"))),
            ("tunnel=\"x\"", Err(Wrong::Value("tunnel"))),
            (r#"command="a\""#, Err(Wrong::Value("command"))),
        ] {
            assert_eq!(Options::of(text), expected.map(|()| Options::default()), "{text}");
        }
    }
}
