//! Unit names (systemd.unit(5)): templates, instances, and the folders that belong to a name.

/// Whether a name is a template, `getty@.service`.
pub(super) fn is_template(name: &str) -> bool {
    parts(name).is_some_and(|(_, instance, _)| instance.is_empty())
}

/// The template of an instance: `getty@.service` for `getty@tty1.service`.
pub(super) fn template(name: &str) -> Option<String> {
    let (prefix, instance, kind) = parts(name)?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// The instance of a template: `getty@tty1.service` for `getty@.service` and the instance in `like`.
pub(super) fn instance_like(template: &str, like: &str) -> String {
    match (parts(template), parts(like)) {
        (Some((prefix, "", kind)), Some((_, instance, _))) => format!("{prefix}@{instance}.{kind}"),
        _ => template.to_owned(),
    }
}

/// The suffix: `service`, `socket`. Empty without one.
pub(super) fn kind(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, kind)| kind)
}

/// The prefix, the instance, and the suffix of a name with an `@`.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@')?;
    Some((prefix, instance, kind))
}

/// The names whose folders apply to a unit, the most specific first: its own, its template, the prefixes that end in a
/// dash, and the suffix alone.
pub(super) fn folders(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(template(name));
    for own in names.clone() {
        let (stem, rest) = match (own.split_once('@'), own.rsplit_once('.')) {
            (Some((stem, rest)), _) => (stem, format!("@{rest}")),
            (None, Some((stem, kind))) => (stem, format!(".{kind}")),
            (None, None) => continue,
        };
        let mut prefix = stem.strip_suffix('-').unwrap_or(stem);
        while let Some((shorter, _)) = prefix.rsplit_once('-') {
            names.push(format!("{shorter}-{rest}"));
            prefix = shorter;
        }
    }
    names.push(kind(name).to_owned());
    names
}

/// Expands the specifiers that only depend on the name. Others stay as written.
pub(super) fn expand(text: &str, name: &str) -> String {
    if !text.contains('%') {
        return text.to_owned(); // most texts
    }
    let (prefix, instance) = match parts(name) {
        Some((prefix, instance, _)) => (prefix, instance),
        None => (name.rsplit_once('.').map_or(name, |(stem, _)| stem), ""),
    };
    let mut expanded = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            expanded.push(letter);
            continue;
        }
        match letters.next() {
            Some('i') => expanded.push_str(instance),
            Some('I') => expanded.push_str(&unescape(instance)),
            Some('p') => expanded.push_str(prefix),
            Some('P') => expanded.push_str(&unescape(prefix)),
            Some('n') => expanded.push_str(name),
            Some('N') => expanded.push_str(name.rsplit_once('.').map_or(name, |(stem, _)| stem)),
            Some('j') => expanded.push_str(prefix.rsplit('-').next().unwrap_or_default()),
            Some('%') => expanded.push('%'),
            Some(other) => expanded.extend(['%', other]),
            None => expanded.push('%'),
        }
    }
    expanded
}

/// Undoes systemd-escape(1): a dash means a slash, `\x2d` a dash.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let code = rest.strip_prefix("\\x").and_then(|code| code.get(..2));
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = rest.get(4..).unwrap_or_default();
            continue;
        }
        let mut buffer = [0; 4];
        bytes.extend_from_slice(if letter == '-' { b"/" } else { letter.encode_utf8(&mut buffer).as_bytes() });
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_the_folders_of_its_template_its_prefixes_and_its_type() {
        for (name, expected) in [
            ("sshd.service", "sshd.service service"),
            ("getty@tty1.service", "getty@tty1.service getty@.service service"),
            ("a-b-c.socket", "a-b-c.socket a-b-.socket a-.socket socket"),
            ("a-b@c-d.service", "a-b@c-d.service a-b@.service a-@c-d.service a-@.service service"),
        ] {
            assert_eq!(folders(name).join(" "), expected);
        }
    }

    #[test]
    fn specifiers_of_the_name_are_replaced() {
        for (text, expected) in [
            ("%i %I", "dev-tty\\x2d1 dev/tty-1"),
            ("%p %n %N", "my-getty my-getty@dev-tty\\x2d1.service my-getty@dev-tty\\x2d1"),
            ("%j %% %t %", "getty % %t %"),
        ] {
            assert_eq!(expand(text, "my-getty@dev-tty\\x2d1.service"), expected);
        }
        assert_eq!(expand("%p|%i|%N", "sshd.service"), "sshd||sshd");
    }

    #[test]
    fn templates_and_instances_have_each_others_names() {
        assert!(is_template("getty@.service") && !is_template("getty@tty1.service") && !is_template("a.service"));
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(instance_like("getty@.service", "autovt@tty2.service"), "getty@tty2.service");
    }
}
