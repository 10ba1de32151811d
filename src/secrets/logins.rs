//! Logins in files that were written for the system: a password, with the user or the host that it is for in the same section.
//!
//! `msmtprc`, `my.cnf` and the credentials of mount.cifs(8) name their values; the lines of `chap-secrets` (pppd(8)) and of davfs2's
//! `secrets` have an order.

use super::rules::{Found, Places, stands_for_another};
use super::subject::Subject;

/// Limit for logins that are reported per file.
const MOST: usize = 1_000;

/// Names of a password.
const PASSWORDS: [&[u8]; 3] = [b"password", b"passwd", b"pass"];

/// Names of the user.
const USERS: [&[u8]; 3] = [b"user", b"username", b"login"];

/// Names of what the login is for.
const FOR: [&[u8]; 5] = [b"host", b"hostname", b"server", b"domain", b"workgroup"];

/// First letters of what is not a password, but the path of a file with one, or a variable.
const REFERENCES: &[u8] = b"/$@%<({\\";

/// A line with a name and a value.
struct Setting<'t> {
    name: &'t [u8],
    value: &'t [u8],
    /// Where the value begins in the file.
    offset: usize,
}

/// Finds the passwords of the logins in a whole file, each with its offset.
pub(super) fn test(bytes: &[u8], places: Places) -> Vec<(usize, Found)> {
    // In a script, names stand before expressions.
    if bytes.contains(&0) || bytes.starts_with(b"#!") {
        return Vec::new();
    }
    let mut found = Vec::new();
    match () {
        () if places.meet(Places::CHAP) => each(bytes, chap, &mut found),
        () if places.meet(Places::DAVFS) => each(bytes, davfs, &mut found),
        () => sections(bytes, &mut found),
    }
    found
}

/// Lines of a file, each with its offset. Comments are left out.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = 0;
    let all = bytes.split(|byte| *byte == b'\n').map(move |line| {
        let offset = next;
        next += line.len() + 1;
        (offset, line)
    });
    all.filter(|(_, line)| !matches!(line.trim_ascii_start().first(), Some(b'#' | b';')))
}

/// The logins of each section of a file with names and values.
fn sections(bytes: &[u8], found: &mut Vec<(usize, Found)>) {
    let mut section: Vec<Setting<'_>> = Vec::new();
    for (offset, line) in lines(bytes) {
        let begins = line.trim_ascii_start().starts_with(b"[") || line.starts_with(b"account");
        if begins {
            login(&section, found);
            section.clear();
        } else if let Some(setting) = setting(offset, line) {
            section.push(setting);
        }
    }
    login(&section, found);
}

/// The passwords of a section, if it says what they are for.
fn login(section: &[Setting<'_>], found: &mut Vec<(usize, Found)>) {
    let is = |setting: &Setting<'_>, names: &[&[u8]]| names.contains(&setting.name);
    let user = section.iter().find(|setting| is(setting, &USERS));
    if user.is_none() && !section.iter().any(|setting| is(setting, &FOR)) {
        return;
    }
    let user = user.and_then(|user| Subject::user(user.value));
    for setting in section.iter().filter(|setting| is(setting, &PASSWORDS)) {
        add((setting.offset, setting.value), user.clone(), found);
    }
}

/// Splits `NAME VALUE` or `NAME = VALUE`. `None` for a line with more words, which is no such setting.
fn setting(offset: usize, line: &[u8]) -> Option<Setting<'_>> {
    let blanks = line.len() - line.trim_ascii_start().len();
    let line = line.get(blanks..)?;
    let end = line.iter().position(|byte| *byte == b'=' || byte.is_ascii_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    let before = |rest: &[u8]| rest.len() - rest.trim_ascii_start().len();
    let mut start = end + before(rest);
    if line.get(start) == Some(&b'=') {
        start += 1;
        start += before(line.get(start..)?);
    }
    let (from, value) = unquoted(line.get(start..)?.trim_ascii_end());
    let is_word = from > 0 || !value.iter().any(u8::is_ascii_whitespace);
    is_word.then_some(Setting { name, value, offset: offset + blanks + start + from })
}

/// A text without its quotation marks, and how many bytes were before it.
fn unquoted(text: &[u8]) -> (usize, &[u8]) {
    let inside = |mark: &[u8]| text.strip_prefix(mark)?.strip_suffix(mark);
    inside(b"\"").or_else(|| inside(b"'")).map_or((0, text), |inside| (1, inside))
}

/// A word of a line, with its offset.
type Field<'t> = (usize, &'t [u8]);

/// A password, and whose it is.
type Login<'t> = (Field<'t>, Option<Subject>);

/// Finds the login in the fields of a line.
type Format = for<'t> fn(&[Field<'t>]) -> Option<Login<'t>>;

/// Finds the login of each line with fields.
fn each(bytes: &[u8], login: Format, found: &mut Vec<(usize, Found)>) {
    for (offset, line) in lines(bytes) {
        if let Some(((start, value), user)) = login(&fields(line)) {
            add((offset + start, value), user, found);
        }
    }
}

/// The words of a line, which may be quoted, each with its offset.
fn fields(line: &[u8]) -> Vec<Field<'_>> {
    let (mut fields, mut at) = (Vec::new(), 0);
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let blanks = rest.len() - rest.trim_ascii_start().len();
        let word = rest.get(blanks..).unwrap_or_default();
        let quoted = word.strip_prefix(b"\"");
        let length = match quoted {
            Some(inside) => inside.iter().position(|byte| *byte == b'"').map_or(word.len(), |end| end + 2),
            None => word.iter().position(u8::is_ascii_whitespace).unwrap_or(word.len()),
        };
        let (from, text) = unquoted(word.get(..length).unwrap_or_default());
        if length > 0 {
            fields.push((at + blanks + from, text));
        }
        at += blanks + length;
    }
    fields
}

/// Client, server, secret, and the addresses that the client may use (pppd(8)).
fn chap<'t>(fields: &[Field<'t>]) -> Option<Login<'t>> {
    let [(_, client), (_, server), secret, ..] = fields else { return None };
    let name = if *client == b"*" { server } else { client };
    Some((*secret, Subject::user(name)))
}

/// Mount point or address, user, password (mount.davfs(8)).
fn davfs<'t>(fields: &[Field<'t>]) -> Option<Login<'t>> {
    let [(_, place), (_, user), password] = fields else { return None };
    let is_place = place.starts_with(b"/") || place.starts_with(b"http");
    is_place.then(|| (*password, Subject::user(user)))
}

fn add((offset, value): Field<'_>, subject: Option<Subject>, found: &mut Vec<(usize, Found)>) {
    let is_reference = value.first().is_none_or(|first| REFERENCES.contains(first));
    if is_reference || value.len() < 3 || stands_for_another(value) || found.len() >= MOST {
        return;
    }
    let what = "of a user".to_owned();
    found.push((offset, Found { kind: "password", what, length: value.len(), identity: None, subject }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The passwords in a file, and whose they are.
    fn of(path: &str, text: &str) -> Vec<String> {
        let found = test(text.as_bytes(), Places::of(path.as_bytes()));
        let told = found.iter().map(|(offset, found)| {
            let user = found.subject.as_ref().map_or("-", Subject::name);
            format!("{user} {}", &text[*offset..offset + found.length])
        });
        told.collect()
    }

    #[test]
    fn a_password_beside_a_user_or_a_host_is_one() {
        for (path, text, expected) in [
            (
                "/etc/msmtprc",
                "account default\nhost smtp.example.org\nuser bot\npassword hunter2hunter2\n",
                &["bot hunter2hunter2"][..],
            ),
            ("/etc/my.cnf", "[client]\nuser=root\npassword = \"hunter 2\"\n[mysqld]\nport=3306\n", &["root hunter 2"]),
            ("/etc/samba/creds", "username=alice\npassword=hunter2\ndomain=WG\n", &["alice hunter2"]),
            ("/etc/x", "  host = h\n\tpass = hunter2", &["- hunter2"]),
            ("/etc/x", "#!/usr/bin/python3\nuser = args.user\npassword = args.password\n", &[]),
            // What follows is no password, or nobody's.
            ("/etc/my.cnf", "[client]\nuser=root\n[mysqld]\npassword=hunter2\n", &[]),
            ("/etc/msmtprc", "host h\npassword /run/secrets/smtp\n", &[]),
            ("/etc/msmtprc", "host h\npassword $SMTP_PASSWORD\npassword <password>\n", &[]),
            ("/etc/msmtprc", "host h\n# password hunter2\npasswordeval cat /run/x\n", &[]),
            (
                "/etc/pam.d/login",
                "account required pam_unix.so\npassword sufficient pam_unix.so nullok yescrypt\n",
                &[],
            ),
        ] {
            assert_eq!(of(path, text), expected, "{text}");
        }
    }

    #[test]
    fn the_third_field_of_secrets_of_pppd_and_davfs2_is_a_password() {
        for (path, text, expected) in [
            (
                "/etc/ppp/chap-secrets",
                "# client server secret\n\"alice\" * \"hunter 2\" *\n* peer hunter3\n",
                &["alice hunter 2", "peer hunter3"][..],
            ),
            ("/nix/store/11111111111111111111111111111111-etc-pap-secrets", "bob * hunter2", &["bob hunter2"]),
            ("/etc/ppp/chap-secrets", "alice * @/etc/ppp/secret *\nalice *\n", &[]),
            (
                "/etc/davfs2/secrets",
                "https://dav.example.org alice hunter2\n/mnt/x bob \"a b c\"\n",
                &["alice hunter2", "bob a b c"],
            ),
            ("/etc/davfs2/secrets", "# /home/x bob hunter2\nalice bob hunter2\n", &[]),
        ] {
            assert_eq!(of(path, text), expected, "{text}");
        }
    }
}
