//! The keywords of `sshd_config` (sshd_config(5)), and the lines that keep sshd from starting.

use super::words::Written;

/// The keywords that decide who gets in. Arguments of other keywords are not kept.
pub(super) const DECIDING: [&str; 33] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalscommanduser",
    "authorizedprincipalsfile",
    "casignaturealgorithms",
    "denygroups",
    "denyusers",
    "forcecommand",
    "gssapiauthentication",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "listenaddress",
    "maxauthtries",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "port",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "requiredrsasize",
    "revokedkeys",
    "strictmodes",
    "trustedusercakeys",
    "usepam",
    "chrootdirectory",
];

/// Older names of these keywords.
const ALIASES: [(&str, &str); 4] = [
    ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ("skeyauthentication", "kbdinteractiveauthentication"),
    ("dsaauthentication", "pubkeyauthentication"),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"),
];

/// The arguments that a keyword takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A number that is not negative.
    Number,
    /// A port number, or the name of a service.
    Port,
    /// A duration: `120`, `2m`, `1h30m`.
    Time,
    /// One word.
    Word,
    /// One or more words.
    Words,
    /// The rest of the line, as written.
    Rest,
    /// An absolute path with arguments, or `none`, as written.
    Command,
    /// `any`, or lists of methods.
    Methods,
    /// Criteria.
    Criteria,
    /// Anything: sshd ignores it, or the build of sshd decides what it takes.
    Anything,
}

use Shape::{Anything, Command, Criteria, Methods, Number, OneOf, Port, Rest, Time, Word, Words};

const FLAG: Shape = OneOf(&["yes", "no"]);
const FORWARDING: Shape = OneOf(&["yes", "no", "all", "local", "remote"]);

/// Keywords that are allowed under a `Match`.
const ANYWHERE: [(&str, Shape); 74] = [
    ("acceptenv", Words),
    ("allowagentforwarding", FLAG),
    ("allowgroups", Words),
    ("allowstreamlocalforwarding", FORWARDING),
    ("allowtcpforwarding", FORWARDING),
    ("allowusers", Words),
    ("authenticationmethods", Methods),
    ("authorizedkeyscommand", Command),
    ("authorizedkeyscommanduser", Word),
    ("authorizedkeysfile", Words),
    ("authorizedkeysfile2", Anything),
    ("authorizedprincipalscommand", Command),
    ("authorizedprincipalscommanduser", Word),
    ("authorizedprincipalsfile", Word),
    ("banner", Word),
    ("casignaturealgorithms", Word),
    ("channeltimeout", Words),
    ("chrootdirectory", Word),
    ("clientalivecountmax", Number),
    ("clientaliveinterval", Time),
    ("denygroups", Words),
    ("denyusers", Words),
    ("disableforwarding", FLAG),
    ("exposeauthinfo", FLAG),
    ("forcecommand", Rest),
    ("gatewayports", OneOf(&["yes", "no", "clientspecified"])),
    ("gssapiauthentication", FLAG),
    ("hostbasedacceptedalgorithms", Word),
    ("hostbasedacceptedkeytypes", Word),
    ("hostbasedauthentication", FLAG),
    ("hostbasedusesnamefrompacketonly", FLAG),
    ("ignorerhosts", OneOf(&["yes", "no", "shosts-only"])),
    ("include", Words),
    ("ipqos", Words),
    ("kbdinteractiveauthentication", FLAG),
    ("kerberosauthentication", FLAG),
    ("loglevel", OneOf(&["quiet", "fatal", "error", "info", "verbose", "debug", "debug1", "debug2", "debug3"])),
    ("logverbose", Words),
    ("match", Criteria),
    ("maxauthtries", Number),
    ("maxsessions", Number),
    ("pamservicename", Word),
    ("passwordauthentication", FLAG),
    ("permitemptypasswords", FLAG),
    ("permitlisten", Words),
    ("permitopen", Words),
    ("permitrootlogin", OneOf(&["yes", "no", "prohibit-password", "without-password", "forced-commands-only"])),
    ("permittty", FLAG),
    ("permittunnel", OneOf(&["yes", "no", "point-to-point", "ethernet"])),
    ("permituserrc", FLAG),
    ("pubkeyacceptedalgorithms", Word),
    ("pubkeyauthentication", FLAG),
    ("pubkeyauthoptions", Words),
    ("rdomain", Word),
    ("refuseconnection", FLAG),
    ("rekeylimit", Words),
    ("requiredrsasize", Number),
    ("revokedkeys", Word),
    ("rhostsauthentication", Anything),
    ("rhostsrsaauthentication", Anything),
    ("rsaauthentication", Anything),
    ("setenv", Words),
    ("sshdauthpath", Word),
    ("streamlocalbindmask", Word),
    ("streamlocalbindunlink", FLAG),
    // Before OpenSSH 9.5, in the global part only (its release notes).
    ("subsystem", Words),
    ("trustedusercakeys", Word),
    ("unusedconnectiontimeout", Time),
    ("x11displayoffset", Number),
    ("x11forwarding", FLAG),
    ("x11maxdisplays", Number),
    ("x11uselocalhost", FLAG),
    ("noneenabled", Anything),
    ("nonemacenabled", Anything),
];

/// Keywords that are allowed only in the global part.
const GLOBAL: [(&str, Shape); 38] = [
    ("addressfamily", OneOf(&["any", "inet", "inet6"])),
    ("ciphers", Word),
    ("compression", OneOf(&["yes", "no", "delayed"])),
    ("fingerprinthash", OneOf(&["md5", "sha256"])),
    ("hostcertificate", Word),
    ("hostdsakey", Word),
    ("hostkey", Word),
    ("hostkeyagent", Word),
    ("hostkeyalgorithms", Word),
    ("ignorerootrhosts", Anything),
    ("ignoreuserknownhosts", FLAG),
    ("keepalive", FLAG),
    ("kexalgorithms", Word),
    ("listenaddress", Words),
    ("logingracetime", Time),
    ("macs", Word),
    ("maxstartups", Word),
    ("modulifile", Word),
    ("permituserenvironment", Word),
    ("persourcemaxstartups", Word),
    ("persourcenetblocksize", Word),
    ("persourcepenalties", Words),
    ("persourcepenaltyexemptlist", Word),
    ("pidfile", Word),
    ("port", Port),
    ("printlastlog", FLAG),
    ("printmotd", FLAG),
    ("protocol", Anything),
    ("securitykeyprovider", Word),
    ("sshdsessionpath", Word),
    ("strictmodes", FLAG),
    ("syslogfacility", Word),
    ("tcpkeepalive", FLAG),
    ("usedns", FLAG),
    ("usepam", FLAG),
    ("versionaddendum", Rest),
    ("xauthlocation", Word),
    ("gssapistrictacceptorcheck", FLAG),
];

/// All other keywords that any version or distribution of sshd knows, in one text: ignored, removed, or added by a patch.
const OTHERS: &str = " afstokenpassing checkmail gssapicleanupcredentials gssapicleanupcreds gssapidelegatecredentials \
    gssapiindicators gssapikexalgorithms gssapikeyexchange gssapistorecredentialsonrekey hpnbuffersize hpndisabled \
    kerberosgetafstoken kerberosorlocalpasswd kerberostgtpassing kerberosticketcleanup kerberosuniqueccache \
    keyregenerationinterval pamauthenticationviakbdint reversemappingcheck serverkeybits tcprcvbuf tcprcvbufpoll usebpf \
    uselogin useprivilegeseparation verifyreversemapping ";

/// Criteria of `Match` that take no argument.
pub(super) const ALONE: [&str; 2] = ["all", "invalid-user"];

/// Criteria of `Match` that take a list.
const WITH_LIST: [&str; 8] = ["user", "group", "host", "address", "localaddress", "localport", "rdomain", "version"];

/// Methods in lists of `AuthenticationMethods`.
const METHODS: [&str; 6] = ["publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "none"];

/// The current name of a keyword, in lower case.
pub(super) fn today(keyword: &str) -> String {
    let keyword = keyword.to_ascii_lowercase();
    ALIASES.iter().find(|(old, _)| *old == keyword).map_or(keyword, |(_, new)| (*new).to_owned())
}

/// Whether a keyword only counts in the global part.
pub(super) fn is_global(keyword: &str) -> bool {
    GLOBAL.iter().any(|(known, _)| *known == keyword)
}

/// The arguments of a line: its words, or the rest as written if sshd takes that. Empty if a quote is not closed.
pub(super) fn arguments(written: Written<'_>, keyword: &str) -> Vec<String> {
    match shape(keyword) {
        Some(Rest | Command) => vec![written.rest.to_owned()],
        _ => written.words().unwrap_or_default(),
    }
}

fn shape(keyword: &str) -> Option<Shape> {
    let known = ANYWHERE.iter().chain(&GLOBAL).find(|(known, _)| *known == keyword);
    known.map(|(_, shape)| *shape).or_else(|| OTHERS.contains(&format!(" {keyword} ")).then_some(Anything))
}

/// The part of a configuration that a line is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Every connection reads it.
    Global,
    /// Under a `Match` with criteria.
    Match,
}

/// Why the line keeps sshd from starting. `None` if no mistake is found.
pub(super) fn mistake(written: Written<'_>, keyword: &str, part: Part) -> Option<String> {
    let shown = written.keyword;
    let Some(shape) = shape(keyword) else { return Some(format!("unknown keyword {shown}")) };
    if part == Part::Match && is_global(keyword) {
        return Some(format!("{shown} must not be under a Match"));
    }
    let Some(words) = written.words() else { return Some(format!("a quote of {shown} is not closed")) };
    let missing = if matches!(shape, Rest | Command | Anything) { written.rest.is_empty() } else { words.is_empty() };
    if missing {
        return Some(format!("{shown} has no value"));
    }
    let value = words.first().map_or("", String::as_str);
    let bad = || Some(format!("{shown} cannot be {value}"));
    match shape {
        OneOf(values) if !values.iter().any(|known| known.eq_ignore_ascii_case(value)) => return bad(),
        Number if !is_number(value) => return bad(),
        Port if !is_port(value) => return bad(),
        Time if !is_time(value) => return bad(),
        Word | Words if words.iter().any(String::is_empty) => return Some(format!("{shown} has an empty value")),
        Command if !written.rest.starts_with('/') && !written.rest.eq_ignore_ascii_case("none") => {
            return Some(format!("{shown} needs an absolute path"));
        }
        Methods => return wrong_methods(&words, part).map(|why| format!("{shown} {why}")),
        Criteria => return wrong_criteria(&words).map(|why| format!("{shown} {why}")),
        Words if keyword == "subsystem" && words.len() < 2 => return Some(format!("{shown} has no command")),
        _ => {}
    }
    let single = matches!(shape, OneOf(_) | Number | Port | Time | Word);
    (single && words.len() > 1).then(|| format!("{shown} takes one value only"))
}

fn is_number(value: &str) -> bool {
    value.parse::<i32>().is_ok_and(|number| number >= 0) && !value.starts_with('+')
}

fn is_port(value: &str) -> bool {
    match value.parse::<i64>() {
        Ok(number) => (1..=65_535).contains(&number),
        // The name of a service.
        Err(_) => value.starts_with(|letter: char| letter.is_ascii_alphabetic()),
    }
}

fn is_time(value: &str) -> bool {
    let mut digits = 0;
    for letter in value.chars() {
        match letter {
            '0'..='9' => digits += 1,
            's' | 'm' | 'h' | 'd' | 'w' | 'S' | 'M' | 'H' | 'D' | 'W' if digits > 0 => digits = 0,
            _ => return false,
        }
    }
    !value.is_empty() && !value.starts_with(|letter: char| !letter.is_ascii_digit())
}

fn wrong_methods(lists: &[String], part: Part) -> Option<String> {
    // Under a `Match` that does not apply yet, sshd only notices lists after `any`.
    let seen = if part == Part::Match { lists.get(..1).unwrap_or_default() } else { lists };
    if lists.len() > 1 && seen.iter().any(|list| list.eq_ignore_ascii_case("any")) {
        return Some("has any beside lists".to_owned());
    }
    let lists = lists.iter().filter(|list| !list.eq_ignore_ascii_case("any"));
    let methods = lists.flat_map(|list| list.split(','));
    let name = |method: &str| method.split(':').next().unwrap_or_default().to_owned();
    let mut unknown = methods.filter(|method| !METHODS.contains(&name(method).as_str()));
    unknown.next().map(|method| format!("has an unknown method {method}"))
}

fn wrong_criteria(words: &[String]) -> Option<String> {
    let mut left = words.iter();
    while let Some(word) = left.next() {
        // OpenSSH 9.9 and later take `User=root` too.
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let name = name.to_ascii_lowercase();
        if name == "all" && words.len() > 1 {
            return Some("has all beside other criteria".to_owned());
        }
        if ALONE.contains(&name.as_str()) {
            continue;
        }
        if !WITH_LIST.contains(&name.as_str()) {
            return Some(format!("has an unknown criterion {word}"));
        }
        let list = value.or_else(|| left.next().map(String::as_str)).unwrap_or_default();
        if list.is_empty() {
            return Some(format!("has no list for {word}"));
        }
        if name == "localport" && !list.split(',').all(is_port) {
            return Some(format!("cannot have {word} {list}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_which_sshd_does_not_start_are_reported() {
        use Part::{Global, Match};
        for (line, part, expected) in [
            ("PermitRootLogin prohibit-password", Global, None),
            ("Subsystem sftp internal-sftp", Global, None),
            ("UsePAM Yes", Global, None),
            ("Match all", Match, None),
            ("Match User eve Address 10.0.0.0/8", Global, None),
            ("LoginGraceTime 1h30m", Global, None),
            ("AuthorizedKeysCommand none", Match, None),
            ("AcceptEnv # it's \"", Global, Some("AcceptEnv has no value")),
            ("PermitRootLogin maybe", Global, Some("PermitRootLogin cannot be maybe")),
            ("PermitRootLogin no yes", Global, Some("PermitRootLogin takes one value only")),
            ("PasswordAuthentication=nope", Global, Some("PasswordAuthentication cannot be nope")),
            ("PaswordAuthentication no", Global, Some("unknown keyword PaswordAuthentication")),
            ("Banner \"/etc/issue", Global, Some("a quote of Banner is not closed")),
            ("UsePAM yes", Match, Some("UsePAM must not be under a Match")),
            ("Port 70000", Global, Some("Port cannot be 70000")),
            ("MaxAuthTries many", Global, Some("MaxAuthTries cannot be many")),
            ("LoginGraceTime soon", Global, Some("LoginGraceTime cannot be soon")),
            ("Match User", Global, Some("Match has no list for User")),
            ("Match Nobody eve", Global, Some("Match has an unknown criterion Nobody")),
            ("Match all User eve", Global, Some("Match has all beside other criteria")),
            ("AuthenticationMethods any publickey", Global, Some("AuthenticationMethods has any beside lists")),
            ("AuthenticationMethods publickey any", Match, None),
            ("AuthenticationMethods any publickey", Match, Some("AuthenticationMethods has any beside lists")),
            ("AuthenticationMethods key", Global, Some("AuthenticationMethods has an unknown method key")),
            ("AuthorizedKeysCommand \"none\"", Global, Some("AuthorizedKeysCommand needs an absolute path")),
        ] {
            let written = Written::of(line).unwrap();
            assert_eq!(mistake(written, &today(written.keyword), part).as_deref(), expected, "{line}");
        }
    }
}
