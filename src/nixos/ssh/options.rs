//! The options before a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT), parsed like sshd does: a single mistake makes it ignore
//! the line.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::nixos::answer::{Condition, Refusal};

/// What the options of a line decide about who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The key is a certificate authority.
    pub(super) authority: bool,
    /// The command that runs, whatever the client requests.
    pub(super) command: Option<String>,
    /// The addresses that clients may come from.
    pub(super) from: Option<String>,
    /// When the key expires, and whether that is in UTC. The earliest time counts, as digits: `YYYYMMDD`, with `HHMM` and
    /// `SS` if they are given.
    pub(super) until: Option<String>,
    /// The principals. A certificate must name one of them.
    pub(super) principals: Option<String>,
    /// The [`SWITCHES`] that the line turns on or off, including `restrict`.
    switches: BTreeMap<&'static str, bool>,
    /// The values of `environment`, `permitopen`, `permitlisten` and `tunnel`.
    others: Vec<(&'static str, String)>,
}

/// Why sshd ignores a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The option is unknown.
    Unknown(String),
    /// The value of an option is invalid or missing, or the option is repeated.
    Value(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(formatter, "unknown option {name}"),
            Self::Value(name) => write!(formatter, "bad value or repeated option {name}"),
        }
    }
}

/// Options without a value.
const FLAGS: [&str; 2] = ["restrict", "cert-authority"];

/// Options without a value that may be prefixed with `no-`.
const SWITCHES: [&str; 7] =
    ["port-forwarding", "agent-forwarding", "x11-forwarding", "touch-required", "verify-required", "pty", "user-rc"];

/// Their names with the prefix, which turns them off.
const SWITCHES_OFF: [(&str, &str); 7] = [
    ("port-forwarding", "no-port-forwarding"),
    ("agent-forwarding", "no-agent-forwarding"),
    ("x11-forwarding", "no-x11-forwarding"),
    ("touch-required", "no-touch-required"),
    ("verify-required", "no-verify-required"),
    ("pty", "no-pty"),
    ("user-rc", "no-user-rc"),
];

/// What `restrict` turns off.
const RESTRICTED: [&str; 5] = ["port-forwarding", "agent-forwarding", "x11-forwarding", "pty", "user-rc"];

/// Options with a value.
const VALUED: [&str; 8] =
    ["command", "principals", "from", "expiry-time", "environment", "permitopen", "permitlisten", "tunnel"];

impl Options {
    /// Reads the options of a line.
    ///
    /// # Errors
    /// The reason why sshd ignores the whole line.
    pub fn of(text: &str) -> Result<Self, Wrong> {
        let mut options = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            // Empty options between commas are ignored.
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

    /// Parses one option. Returns the remaining text.
    fn one<'t>(&mut self, text: &'t str) -> Result<&'t str, Wrong> {
        let positive = text.get(..3).filter(|no| no.eq_ignore_ascii_case("no-")).and_then(|_| text.get(3..));
        let flag = FLAGS.into_iter().find_map(|flag| Some((flag, after(text, flag)?)));
        let switch = SWITCHES.into_iter().find_map(|name| Some((name, after(positive.unwrap_or(text), name)?)));
        if let Some((flag, rest)) = flag {
            match flag {
                "cert-authority" => self.authority = true,
                _ => self.switches.extend(RESTRICTED.map(|switch| (switch, false))),
            }
            return Ok(rest);
        }
        if let Some((name, rest)) = switch {
            self.switches.insert(name, positive.is_none());
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
            _ => self.others.push((name, value)),
        }
        Ok(rest)
    }

    /// The conditions under which the line lets a user in.
    pub(super) fn conditions(&self) -> impl Iterator<Item = Condition> {
        let from = self.from.clone().map(Condition::From);
        let command = self.command.clone().map(Condition::Command);
        from.into_iter().chain(command).chain(self.until.clone().map(Condition::Until))
    }

    /// Why the line lets nobody in although its options are valid.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let is_bad = |hosts: &&String| hosts.split(',').any(is_bad_network);
        if let Some(hosts) = self.from.as_ref().filter(is_bad) {
            return Some(Refusal::BadHosts(hosts.clone()));
        }
        self.until.clone().filter(|time| is_past(time)).map(Refusal::ExpiredKey)
    }

    /// Whether the key is a certificate authority.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// The names of the options here that a listed line lacks, or sets to another value.
    #[must_use]
    pub fn missing_in(&self, listed: &Self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        let mut compare = |name, differs: bool| missing.extend(differs.then_some(name));
        compare("cert-authority", self.authority && !listed.authority);
        compare("command", self.command.is_some() && self.command != listed.command);
        compare("from", self.from.is_some() && self.from != listed.from);
        compare("expiry-time", self.until.is_some() && self.until != listed.until);
        compare("principals", self.principals.is_some() && self.principals != listed.principals);
        for (name, on) in &self.switches {
            // All are on by default except the one that requires a PIN.
            let listed = listed.switches.get(name).copied().unwrap_or(*name != "verify-required");
            let shown = SWITCHES_OFF.iter().find(|(switch, _)| switch == name).map(|(_, off)| *off);
            compare(shown.filter(|_| !on).unwrap_or(name), listed != *on);
        }
        for other in &self.others {
            compare(other.0, !listed.others.contains(other));
        }
        missing
    }
}

/// The text after a name, in any case.
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

/// A value in double quotes, and the text after it. A backslash only escapes a quote.
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

/// The digits of a time that sshd accepts. `Z` or `UTC` may follow.
fn time(value: &str) -> Option<String> {
    let upper = value.to_ascii_uppercase();
    let digits = upper.strip_suffix("UTC").or_else(|| upper.strip_suffix('Z')).unwrap_or(&upper);
    let is_time = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let within = |from, to, least, most| part(from, to).is_none_or(|part| (least..=most).contains(&part));
    let fits = within(4, 6, 1, 12) && within(6, 8, 1, 31) && within(8, 10, 0, 23) && within(10, 12, 0, 59);
    (is_time && fits && within(12, 14, 0, 61)).then(|| digits.to_owned())
}

/// Whether sshd rejects this network of `from=` because it has bits set outside its mask.
fn is_bad_network(entry: &str) -> bool {
    let Some((address, length)) = entry.trim_start_matches('!').split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (bits, all) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    length > all || bits.trailing_zeros().min(all) < all - length
}

/// Whether the time of an `expiry-time=` has passed.
fn is_past(time: &str) -> bool {
    let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    format!("{time:0<14}") <= now
}

/// Whether sshd accepts the value of an option that does not decide who gets in.
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
            switches: RESTRICTED
                .map(|switch| (switch, false))
                .into_iter()
                .chain([("verify-required", false)])
                .collect(),
            ..Options::default()
        };
        assert_eq!(Options::of(text), Ok(expected));
        let restrict = Options::of("restrict");
        for (same, expected) in [("", Ok(Options::default())), ("restrict,", restrict.clone()), (",restrict", restrict)]
        {
            assert_eq!(Options::of(same), expected, "{same}");
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

    #[test]
    fn a_listed_line_may_lack_options_that_are_asked_for() {
        for (asked, listed, missing) in [
            ("", "command=\"x\"", &[][..]),
            ("command=\"x\"", "restrict,COMMAND=\"x\"", &[]),
            ("command=\"x\"", "command=\"y\"", &["command"]),
            ("command=\"x\",no-pty", "", &["command", "no-pty"]),
            ("no-pty", "restrict", &[]),
            ("restrict", "restrict,pty", &["no-pty"]),
            ("restrict,pty", "restrict,pty", &[]),
            ("pty", "", &[]),
            ("verify-required", "no-touch-required", &["verify-required"]),
            ("no-touch-required", "", &["no-touch-required"]),
            ("from=\"10.0.0.1\",permitopen=\"a:1\"", "from=\"10.0.0.1\",permitopen=\"b:1\"", &["permitopen"]),
            ("cert-authority,principals=\"a\"", "principals=\"a\"", &["cert-authority"]),
        ] {
            let options = |text| Options::of(text).unwrap();
            assert_eq!(options(asked).missing_in(&options(listed)), missing, "{asked} {listed}");
        }
    }
}
