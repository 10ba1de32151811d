//! Users as a text that the activation script reads, one value per line (until 2014-02).
//!
//! nixpkgs, nixos/modules/config/users-groups.nix, and before 2013-10 the repository nixos, modules/config/users-groups.nix;
//! in 2008, helpers/create-users-groups.sh.

use super::merger::take_passwords;
use super::{MOST_USERS, User, checked, is_person, named, required, words};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::password::Password;

/// Reads the records. The number and meaning of the lines changed six times in eight years; the variable names in the
/// script that reads them tell which.
pub(super) fn read(root: &Root<'_>, script: &str) -> Result<Option<Vec<User>>> {
    let Some(source) = Source::find(root, script)? else { return Ok(None) };
    let mut users = source.users()?;
    take_passwords(root, &mut users, script)?;
    // The script creates root first. A record changes only the groups of a user who already exists.
    let password = root_password(script, &root.own("activate"));
    match users.iter_mut().find(|user| user.name == "root") {
        Some(root) => root.password = password,
        None => {
            let groups = Some(vec!["root".to_owned()]);
            users.push(User { uid: Some(0), normal: Some(false), groups, password, ..User::implied("root") });
        }
    }
    Ok(Some(users))
}

/// The password field of root that the script writes on the first boot: `echo "root:FIELD:::::::" >> /etc/shadow`. It is
/// empty, or from 2013 on `security.initialRootPassword`.
fn root_password(script: &str, place: &str) -> Password {
    let line = script.lines().find(|line| line.contains("echo") && line.ends_with(">> /etc/shadow"));
    let field = line.and_then(|line| words(line).find_map(|word| word.strip_prefix("root:")?.split(':').next()));
    match field {
        // In double quotes the shell expands `$6` as a variable, so what remains of the hash is unknown.
        Some(field) if field.contains('$') => {
            let (option, source) = (Some("initialRootPassword".to_owned()), Some(place.to_owned()));
            Password { option, source, ..Password::unknown() }
        }
        Some(field) => Password::of_hash("initialRootPassword", field, place),
        None => Password::unknown(),
    }
}

/// The records, and the names of their lines.
struct Source {
    file: String,
    text: String,
    fields: Vec<String>,
}

impl Source {
    fn find(root: &Root<'_>, script: &str) -> Result<Option<Self>> {
        if let Some(file) = named(script, "users") {
            let text = required(root, file)?;
            // In 2008 the loop was in a separate script that gets the file as an argument.
            let helper = words(script).find(|word| word.ends_with("-create-users-groups.sh"));
            let helper = helper.map(|helper| root.text(helper)).transpose()?.flatten().unwrap_or_default();
            let Some((fields, _)) = fields(script).or_else(|| fields(&helper)) else {
                let place = Place::File(file.as_bytes().to_vec());
                let field = "names of its lines in the script";
                return Err(Error::Malformed { structure: "record of a user", field, place });
            };
            return Ok(Some(Self { file: file.to_owned(), text, fields }));
        }
        // For a while in 2009 the records were in the script itself, after the loop that reads them.
        let Some((fields, behind)) = fields(script) else { return Ok(None) };
        let Some(heredoc) = behind.trim_start_matches(' ').strip_prefix("<<") else { return Ok(None) };
        let (end, records) = heredoc.split_once('\n').unwrap_or((heredoc, ""));
        let end = end.trim().trim_matches(['"', '\'']);
        let lines: Vec<&str> = records.lines().take_while(|line| line.trim() != end).collect();
        Ok(Some(Self { file: root.own("activate"), text: lines.join("\n"), fields }))
    }

    fn users(&self) -> Result<Vec<User>> {
        let length = self.fields.len();
        let mut lines: Vec<&str> = self.text.split('\n').take((MOST_USERS + 1) * length + 1).collect();
        // The last line may have no newline, as in 2009, and its value may be empty.
        if lines.last() == Some(&"") && !lines.len().is_multiple_of(length) {
            lines.pop();
        }
        let mut users = Vec::new();
        for (index, record) in lines.chunks(length).enumerate() {
            if record.len() < length {
                let line = u64::try_from(index * length + 1).unwrap_or(u64::MAX);
                let place = Place::Line { file: self.file.clone(), line };
                return Err(Error::Malformed { structure: "record of a user", field: "number of lines", place });
            }
            let value = |name: &str| {
                let at = self.fields.iter().position(|field| field == name)?;
                record.get(at).map(|value| value.trim())
            };
            // Since 2011-11 a record may describe an account that something else makes.
            if matches!(value("createUser"), Some("" | "no")) {
                continue;
            }
            users.push(self.user(&value));
        }
        checked(users, &Place::File(self.file.as_bytes().to_vec()))
    }

    fn user<'r>(&self, value: &dyn Fn(&str) -> Option<&'r str>) -> User {
        let set = |name: &str| value(name).filter(|value| !value.is_empty());
        let uid = set("uid").and_then(|uid| uid.parse().ok());
        let home = set("home").unwrap_or("/var/empty").to_owned();
        // useradd assigns ids from 1000 on, or below with `--system`. Until 2011-06 all users were made with it.
        let person = match (uid, value("isSystemUser")) {
            (Some(uid), _) => is_person(uid, &home),
            (None, Some(system)) => system.is_empty() && home != "/var/empty",
            (None, None) => set("createHome").is_some(),
        };
        let more = set("extraGroups").into_iter().flat_map(|groups| groups.split(','));
        // An `X` precedes the password to distinguish an empty password from a missing one.
        let password = match value("password").and_then(|value| value.strip_prefix('X')) {
            Some(password) => Password::of_text("password", password, &self.file),
            None => Password::none(),
        };
        User {
            uid,
            home,
            groups: Some(set("group").into_iter().chain(more).map(str::to_owned).collect()),
            shell: set("shell").map(str::to_owned),
            normal: Some(person),
            password,
            ..User::implied(value("name").unwrap_or_default())
        }
    }
}

/// Limit for lines of a record; no release had more than twelve.
const MOST_FIELDS: usize = 32;

/// The variables that the loop over users reads, in order, and the script after its `done`. Another loop reads groups.
fn fields(script: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = script;
    loop {
        let (_, behind) = rest.split_once("read name")?;
        let (body, behind) = behind.split_once("done")?;
        let mut fields = vec!["name".to_owned()];
        let mut words = words(body);
        while let Some(word) = words.next() {
            if word == "read"
                && let Some(name) = words.next()
                && !fields.iter().any(|known| known == name)
                && fields.len() < MOST_FIELDS
            {
                fields.push(name.to_owned());
            }
        }
        if fields.iter().any(|field| field == "home") {
            return Some((fields, behind));
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::PasswordState;
    use crate::nixos::made::Made;

    const FILE: &str = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-users";
    const GROUPS: &str = "    read name || break\n    read gid\n    groupadd \"$name\"\ndone";
    const ROOT: &str = "    echo \"root:x:0:0:System administrator:$rootHome:/bin/sh\" >> /etc/passwd\n    echo \"root::::::::\" >> /etc/shadow\n";

    fn body(further: &[&str]) -> String {
        let names = ["description", "uid", "group", "extraGroups", "home", "shell", "createHome"];
        names.iter().chain(further).map(|name| format!("    read {name}\n")).collect()
    }

    fn script(further: &[&str]) -> String {
        let body = body(further);
        format!(
            "{ROOT}while true; do\n{GROUPS} <<E\nroot\n0\nE\ncat {FILE} | while true; do\n    read name || break\n{body}\ndone\n"
        )
    }

    fn shown(script: &str, text: &str) -> std::result::Result<Vec<String>, String> {
        let users = read(&Made::of(&[(FILE, text)]).system(), script).map_err(|error| error.to_string())?.unwrap();
        let line = |user: &User| {
            let groups = user.groups.clone().unwrap().join(",");
            format!("{} {:?} {groups} {} {}", user.name, user.uid, user.password.state, user.normal.unwrap())
        };
        Ok(users.iter().map(line).collect())
    }

    #[test]
    fn the_script_says_how_many_lines_a_record_has() {
        // Nothing ends the last line, and its value is empty.
        let eight = "eve\nEve\n1000\nusers\nwheel,audio\n/home/eve\n/bin/sh\n1\nann\nAnn\n\nusers\n\n/home/ann\n/bin/sh\n1\nnixbld1\nN\n30001\nnogroup\nnixbld\n/var/empty\n/noshell\n";
        let root = "root Some(0) root empty false";
        assert_eq!(
            shown(&script(&[]), eight).unwrap(),
            [
                "eve Some(1000) users,wheel,audio none true",
                "ann None users none true",
                "nixbld1 Some(30001) nogroup,nixbld none false",
                root
            ]
        );
        let eleven = "eve\nEve\n\nusers\n\n/home/eve\n/bin/sh\n1\nXsecret\n\nyes\nold\n\n\nusers\n\n/\n/bin/sh\n\nX\n1\n1\ngone\n\n\nusers\n\n/\n/bin/sh\n\n\n\nno\n";
        let script = script(&["password", "isSystemUser", "createUser"]);
        assert_eq!(
            shown(&script, eleven).unwrap(),
            ["eve None users plaintext true", "old None users empty false", root]
        );
    }

    #[test]
    fn the_password_of_root_is_what_the_script_makes_him_with_and_not_that_of_his_record() {
        let root = "root\nSystem administrator\n0\nroot\n\n/root\n/bin/sh\n\nXsecret\n";
        let script = script(&["password"]);
        for (field, expected) in [("", "empty"), ("!", "locked"), ("saDgcrz5PTDSY", "hashed"), ("$6$a$b", "unknown")] {
            let script = script.replace("\"root::::::::\"", &format!("\"root:{field}:::::::\""));
            assert_eq!(shown(&script, root).unwrap(), [format!("root Some(0) root {expected} false")]);
        }
        let without = script.replace(ROOT, "");
        assert_eq!(shown(&without, root).unwrap(), ["root Some(0) root unknown false"]);
    }

    #[test]
    fn records_in_the_script_itself_are_read() {
        let body = body(&[]);
        let script = format!(
            "{ROOT}while true; do\n{GROUPS} <<EndOfGroupList\nroot\n0\nEndOfGroupList\n\
             while true; do\n    read name || break\n{body}\ndone <<EndOfUserList\neve\nEve\n1000\nusers\n\n/home/eve\n/bin/sh\n\nEndOfUserList\n"
        );
        let users = read(&Made::of(&[]).system(), &script).unwrap().unwrap();
        let names: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.uid, user.normal)).collect();
        assert_eq!(names, [("eve", Some(1000), Some(true)), ("root", Some(0), Some(false))]);
    }

    #[test]
    fn the_loop_may_stand_in_a_script_of_its_own() {
        let helper = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-create-users-groups.sh";
        let loops = format!(
            "cat \"$2\" | while true; do\n{GROUPS}\n\n\ncat \"$1\" | while true; do\n    read name || break\n{}\ndone\n",
            body(&[])
        );
        let text = "root\nSystem administrator\n0\nroot\n\n/root\n/bin/sh\n\n";
        let tree = Made::of(&[(FILE, text), (helper, &loops)]);
        let users = read(&tree.system(), &format!("{ROOT}/bin/sh {helper} {FILE} /groups\n")).unwrap().unwrap();
        assert_eq!((users.len(), users[0].home.as_str()), (1, "/root"));
        assert_eq!(users[0].password.state, PasswordState::Empty);
    }

    #[test]
    fn what_does_not_fit_is_told_and_not_taken_for_none() {
        let error = shown(&script(&[]), "eve\nEve\n").unwrap_err();
        assert_eq!(error, format!("record of a user at {FILE}:1: invalid number of lines"));
        let error = shown(&format!("cat {FILE} | while read name; do read uid; done"), "eve\n").unwrap_err();
        assert_eq!(error, format!("record of a user at {FILE}: invalid names of its lines in the script"));
        let error = shown(&script(&[]), &"\n".repeat((MOST_USERS + 1) * 8)).unwrap_err();
        assert_eq!(error, format!("10,000 users at {FILE}: over the limit"));
    }
}
