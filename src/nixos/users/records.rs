//! Users as lines of a text, one value a line, that the activation script reads (to 2014-02).

use super::passwd::{is_person, take_chpasswd};
use super::{User, checked, named, text, words};
use crate::error::{Error, Place, Result};
use crate::fs::Tree;
use crate::nixos::password::{Password, PasswordState};

/// Reads the records. How many lines each has, and what stands in them, changed five times in eight years; the script says
/// it itself, by the names of the variables that it reads.
pub(super) fn read(tree: &dyn Tree, toplevel: &str, script: &str) -> Result<Option<Vec<User>>> {
    let Some(source) = Source::find(tree, toplevel, script)? else { return Ok(None) };
    let place = |line: usize| Place::Line { file: source.file.clone(), line: u64::try_from(line).unwrap_or(u64::MAX) };
    let lines: Vec<&str> = source.text.lines().collect();
    let mut users = Vec::new();
    for (index, record) in lines.chunks(source.fields.len()).enumerate() {
        if record.len() < source.fields.len() {
            let place = place(index * source.fields.len() + 1);
            return Err(Error::Malformed { structure: "record of a user", field: "number of lines", place });
        }
        let value = |name: &str| {
            let at = source.fields.iter().position(|field| field == name)?;
            record.get(at).copied()
        };
        // Since 2011 a record may be of an account that somebody else makes.
        if matches!(value("createUser"), Some("" | "no")) {
            continue;
        }
        let uid = value("uid").and_then(|uid| uid.parse().ok());
        let set = |name: &str| value(name).filter(|value| !value.is_empty());
        let more = set("extraGroups").into_iter().flat_map(|groups| groups.split(','));
        let groups = set("group").into_iter().chain(more).map(str::to_owned).collect();
        let system = value("isSystemUser").is_some_and(|value| matches!(value, "1" | "yes"));
        let password = match value("password").and_then(|value| value.strip_prefix('X')) {
            Some(password) => Password::of_text("password", password, &source.file),
            None => Password::none(),
        };
        let name = value("name").unwrap_or_default();
        users.push(User {
            uid,
            home: set("home").unwrap_or("/var/empty").to_owned(),
            groups: Some(groups),
            shell: set("shell").map(str::to_owned),
            normal: Some(!system && (uid.is_none() || is_person(uid))),
            password,
            ..User::implied(name)
        });
    }
    let activate = format!("{toplevel}/activate");
    if !users.iter().any(|user| user.name == "root") {
        // Made by the script itself where there is no `/etc/passwd`, without a password (nixpkgs to 13.10).
        let password = Password {
            state: PasswordState::Empty,
            option: Some("root account".to_owned()),
            scheme: None,
            source: Some(activate.clone()),
        };
        let groups = Some(vec!["root".to_owned()]);
        users.push(User { uid: Some(0), normal: Some(false), groups, password, ..User::implied("root") });
    }
    take_chpasswd(tree, &mut users, script, &activate)?;
    checked(users, &place(1)).map(Some)
}

/// The records, and the names of their lines.
struct Source {
    file: String,
    text: String,
    fields: Vec<String>,
}

/// The fewest lines that a record ever had.
const FEWEST: usize = 8;

impl Source {
    fn find(tree: &dyn Tree, toplevel: &str, script: &str) -> Result<Option<Self>> {
        if let Some(file) = named(script, "users") {
            let Some(text) = text(tree, file)? else { return Err(Error::NotFound { path: file.as_bytes().to_vec() }) };
            let behind = script.split_once(file).map_or("", |(_, behind)| behind);
            return Self { file: file.to_owned(), text, fields: fields(behind) }.checked().map(Some);
        }
        // Before, the records stood in the script, behind the loop that reads them.
        let Some(start) = script.find("read name") else { return Ok(None) };
        let Some((_, behind)) = script.split_at_checked(start) else { return Ok(None) };
        let Some((body, heredoc)) = behind.split_once("<<") else { return Ok(None) };
        let (end, records) = heredoc.split_once('\n').unwrap_or((heredoc, ""));
        let end = end.trim().trim_matches(['"', '\'']);
        let lines: Vec<&str> = records.lines().take_while(|line| line.trim() != end).collect();
        let file = format!("{toplevel}/activate");
        Self { file, text: lines.join("\n"), fields: fields(body) }.checked().map(Some)
    }

    fn checked(self) -> Result<Self> {
        if self.fields.len() >= FEWEST {
            return Ok(self);
        }
        let place = Place::File(self.file.into_bytes());
        Err(Error::Malformed { structure: "record of a user", field: "names of its lines in the script", place })
    }
}

/// What a loop reads, in order, up to its end.
fn fields(script: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let mut words = words(script).take_while(|word| *word != "done");
    while let Some(word) = words.next() {
        if word == "read"
            && let Some(name) = words.next()
            && !fields.iter().any(|known| known == name)
        {
            fields.push(name.to_owned());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const FILE: &str = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-users";

    fn script(further: &[&str]) -> String {
        let names = ["description", "uid", "group", "extraGroups", "home", "shell", "createHome"];
        let reads: String = names.iter().chain(further).map(|name| format!("    read {name}\n")).collect();
        format!("cat {FILE} | while true; do\n    if ! read name; then break; fi\n{reads}    test -z \"$uid\"\ndone\n")
    }

    fn shown(script: &str, text: &str) -> std::result::Result<Vec<String>, String> {
        let users = read(&Made::of(&[(FILE, text)]), "/s", script).map_err(|error| error.to_string())?.unwrap();
        let line = |user: &User| {
            let groups = user.groups.clone().unwrap().join(",");
            format!("{} {:?} {groups} {} {}", user.name, user.uid, user.password.state, user.normal.unwrap())
        };
        Ok(users.iter().map(line).collect())
    }

    #[test]
    fn the_script_says_how_many_lines_a_record_has() {
        let eight = "sshd\nSSH\n2\nnogroup\n\n/var/empty\n/noshell\n\neve\nEve\n1000\nusers\nwheel,audio\n/home/eve\n/bin/sh\n1\n";
        let root = "root Some(0) root empty false";
        assert_eq!(
            shown(&script(&[]), eight).unwrap(),
            ["sshd Some(2) nogroup none false", "eve Some(1000) users,wheel,audio none true", root]
        );
        let eleven = "eve\nEve\n\nusers\n\n/home/eve\n/bin/sh\n1\nXsecret\n\nyes\nold\n\n\nusers\n\n/\n/bin/sh\n\nX\n1\n1\ngone\n\n\nusers\n\n/\n/bin/sh\n\n\n\nno\n";
        let script = script(&["password", "isSystemUser", "createUser"]);
        assert_eq!(
            shown(&script, eleven).unwrap(),
            ["eve None users plaintext true", "old None users empty false", root]
        );
    }

    #[test]
    fn records_in_the_script_itself_are_read() {
        let script = "while read name; do\nread description; read uid; read group; read extraGroups; read home; read shell; read createHome\nuseradd\ndone <<EOF\neve\nEve\n1000\nusers\n\n/home/eve\n/bin/sh\n1\nEOF\necho\n";
        let users = read(&Made::of(&[]), "/s", script).unwrap().unwrap();
        let names: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.uid)).collect();
        assert_eq!(names, [("eve", Some(1000)), ("root", Some(0))]);
    }

    #[test]
    fn what_does_not_fit_is_told_and_not_taken_for_none() {
        let error = shown(&script(&[]), "eve\nEve\n").unwrap_err();
        assert_eq!(error, format!("record of a user at {FILE}:1: invalid number of lines"));
        let error = shown(&format!("cat {FILE} | while read name; do read uid; done"), "eve\n").unwrap_err();
        assert_eq!(error, format!("record of a user at {FILE}: invalid names of its lines in the script"));
    }
}
