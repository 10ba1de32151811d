//! The options before a key (sshd(8), AUTHORIZED_KEYS FILE FORMAT).

/// One option: `restrict`, `from="10.0.0.1"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyOption<'o> {
    /// In lower case; sshd knows it in any.
    pub(super) name: String,
    /// As written, without its quotes.
    pub(super) value: Option<&'o str>,
}

/// The options of a line. They are divided by commas outside quotes.
pub(super) fn options(text: &str) -> Vec<KeyOption<'_>> {
    let (mut quoted, mut escaped) = (false, false);
    let divides = |letter: char| {
        let comma = letter == ',' && !quoted;
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        comma
    };
    let option = |written| match str::split_once(written, '=') {
        Some((name, value)) => {
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            KeyOption { name: name.to_ascii_lowercase(), value: Some(bare.unwrap_or(value)) }
        }
        None => KeyOption { name: written.to_ascii_lowercase(), value: None },
    };
    text.split(divides).filter(|written| !written.is_empty()).map(option).collect()
}

/// Names of options; `no-` may stand before those that permit something.
const KNOWN: [&str; 18] = [
    "restrict",
    "cert-authority",
    "command",
    "environment",
    "expiry-time",
    "from",
    "permitlisten",
    "permitopen",
    "principals",
    "tunnel",
    "verify-required",
    "no-touch-required",
    "agent-forwarding",
    "port-forwarding",
    "x11-forwarding",
    "pty",
    "user-rc",
    "touch-required",
];

/// Whether sshd knows an option; it passes over a line with one that it does not know.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
        || name.strip_prefix("no-").is_some_and(|name| KNOWN.iter().skip(12).any(|known| *known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_quotes_divides_nothing() {
        let text = r#"Restrict,command="echo \",\" # = c",from="10.0.0.1,!*.local",cert-authority"#;
        let read: Vec<_> = options(text).into_iter().map(|option| (option.name, option.value)).collect();
        let expected = [
            ("restrict", None),
            ("command", Some(r#"echo \",\" # = c"#)),
            ("from", Some("10.0.0.1,!*.local")),
            ("cert-authority", None),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(options("").is_empty());
    }

    #[test]
    fn an_option_with_a_mistake_is_none() {
        assert!(["restrict", "no-pty", "from", "x11-forwarding"].into_iter().all(is_known));
        assert!(!["no-ptty", "form", "no-from", "no-restrict", ""].into_iter().any(is_known));
    }
}
