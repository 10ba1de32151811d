//! Rules of sudo, compared with sudo itself.

use nixoscope::nixos::access::{People, Rule, Tool};

use super::generator::Generator;
use super::world::{Files, Probe, accesses, judged, number};

const USERS: [&str; 3] = ["ann", "bob", "eve"];

/// Programs that are asked about; rules name the others only by `ALL` and patterns.
const COMMANDS: [&str; 3] = ["/srv/generic", "/opt/a zz", "/opt/bin/c"];

/// A program that gives root to anyone who may run it as root.
const SHELL: &str = "/usr/bin/env true";

/// Configurations per run, unless the environment says otherwise.
const COUNT: usize = 300;

fn probes() -> Vec<Probe> {
    let users = USERS.into_iter();
    let of_user = |user| {
        let root = COMMANDS.into_iter().map(move |command| (user, "root", command));
        root.chain([(user, "web", "/opt/a zz")])
    };
    users.flat_map(of_user).collect()
}

#[test]
fn random_sudoers_open_what_sudo_opens() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1) as u64;
    let count = number("NIXOSCOPE_ORACLE_COUNT", COUNT);
    let configurations: Vec<Files> = (0..count as u64).map(|index| sudoers(seed << 32 | index)).collect();
    let wrong = disagreements(&configurations, &probes());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sudoers_that_were_misread_once_open_what_sudo_opens() {
    let cases = include_str!("sudoers.txt").split("\n---\n");
    let mut configurations: Vec<Files> = cases.map(case).collect();
    for last in ["bob ALL=(ALL) NOPASSWD: ALL", "bob ALL=(ALL) ALL"] {
        configurations.push(case(&format!("{}{last}", "eve ALL=(ALL) /opt/a\n".repeat(2_000))));
    }
    let mut probes = probes();
    probes.extend(USERS.map(|user| (user, "root", SHELL)));
    let wrong = disagreements(&configurations, &probes);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files of a case: `sudoers`, and others, each after a line with its name.
fn case(text: &str) -> Files {
    let mut files: Files = vec![("sudoers".to_owned(), String::new())];
    for line in text.lines() {
        match line.strip_prefix("== ") {
            Some(name) => files.push((name.to_owned(), String::new())),
            None => files.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    files
}

fn disagreements(configurations: &[Files], probes: &[Probe]) -> Vec<String> {
    let asked: Vec<(Files, Vec<Probe>)> = configurations.iter().map(|files| (files.clone(), probes.to_vec())).collect();
    let open = judged("sudo.sh", &asked);
    let accesses = accesses(configurations);
    let mut wrong = Vec::new();
    for (index, (access, files)) in accesses.iter().zip(configurations).enumerate() {
        let mut said = Vec::new();
        for &(user, target, command) in probes {
            let theirs = open.contains(&format!("{index:05} {user} {target} {command}"));
            // `ALL` covers every program, but a setting for this one may change its target.
            let is_named = files.iter().any(|(_, text)| text.contains(command));
            if !theirs && command == COMMANDS[0] && is_named {
                continue;
            }
            said.extend(disagreement(access, (user, target, command), theirs));
        }
        if !said.is_empty() {
            let rules: Vec<String> = access.rules.iter().map(|rule| format!("{rule:?}")).collect();
            let files: Vec<String> = files.iter().map(|(name, text)| format!("== {name}\n{text}")).collect();
            wrong.push(format!("#### {index}\n{}\n{}\n{}", said.join("\n"), files.join("\n"), rules.join("\n")));
        }
    }
    wrong
}

/// How nixoscope's rules and sudo disagree on a question. A rule that depends on something else may go either way.
fn disagreement(access: &People, (user, target, command): Probe, theirs: bool) -> Option<String> {
    let rules =
        || access.rules.iter().filter(|rule| rule.tool == Tool::Sudo && rule.users.iter().any(|own| own == user));
    let allows = |rule: &Rule| covers(rule, command) && (target == "root") <= rule.target.is_none();
    if theirs && !rules().any(allows) {
        return Some(format!("MISSED: {user} runs {command} as {target}"));
    }
    // Through another user, it takes more than one command.
    let sure = |rule: &&Rule| rule.conditions.is_empty() && rule.through.is_none();
    // A rule that names the command. For a command that no rule names, any rule.
    let claims = |rule: &Rule| match command {
        "/srv/generic" => rule.target.is_none() && rule.is_everything(),
        SHELL => rule.makes_root(),
        _ => {
            (target == "root") == rule.target.is_none()
                && rule.commands.split(", ").any(|name| name == program(command))
        }
    };
    let as_target = |rule: &Rule| rule.target.as_deref().is_none_or(|own| own == target);
    if !theirs && rules().filter(sure).any(|rule| claims(rule) && as_target(rule)) {
        return Some(format!("FALSE ALARM: {user} runs {command} as {target}"));
    }
    None
}

fn program(command: &str) -> &str {
    command.split(' ').next().unwrap()
}

/// Whether one of the commands of a rule is this command or a pattern for it.
fn covers(rule: &Rule, command: &str) -> bool {
    let command = program(command);
    let (directory, _) = command.rsplit_once('/').unwrap();
    rule.commands.split(", ").any(|name| {
        name == "ALL"
            || name.split(' ').next() == Some(command)
            || name == format!("{directory}/")
            || name == format!("{directory}/*")
            || name == "/opt/?" && command.len() == 6
            || name.starts_with("/opt/[") && command.len() == 6
            || name.starts_with('^')
    })
}

/// A random configuration.
fn sudoers(seed: u64) -> Files {
    let mut generator = Generator::new(seed);
    let mut files = vec![("sudoers".to_owned(), text(&mut generator, 7))];
    if generator.percent(20) {
        let include = generator.of(&[
            "@includedir /etc/sudoers.d\n",
            "#includedir sudoers.d\n",
            "@include more\n",
            "#include /etc/more\n",
            "@include \"a b\"\n",
            "@include a\\ b\n",
            "@include %h\n",
            " #include more\n",
            "@include gone\n",
        ]);
        // At an include that continues a line, sudo 1.9.13 sometimes stops and sometimes goes on.
        files[0].1.push('\n');
        let at = if generator.percent(50) { 0 } else { files[0].1.len() };
        files[0].1.insert_str(at, include);
        for name in ["sudoers.d/10", "sudoers.d/b~", "sudoers.d/c.d", "sudoers.d/2", "more", "a b", "nixos"] {
            files.push((name.to_owned(), text(&mut generator, 2)));
        }
    }
    files
}

/// Text without carriage returns. Debian's sudo reads them as letters, newer versions as the end of a line.
fn text(generator: &mut Generator, most: usize) -> String {
    generator.some(most, &["\n", "\n", "\n", "\n\n", " # NOPASSWD: ALL\n"], &mut statement) + "\n"
}

fn statement(generator: &mut Generator) -> String {
    match generator.percent(100) {
        _ if generator.percent(12) => alias(generator),
        _ if generator.percent(20) => defaults(generator),
        _ if generator.percent(4) => generator
            .of(&[
                "# a comment \\",
                "#1001 is a user",
                "bob ALL",
                "bob = ALL",
                "ALL",
                "bob ALL=(ALL) NOPASSWD: ALL ALL",
                "\\",
                "%",
            ])
            .to_owned(),
        _ => rule(generator),
    }
}

fn alias(generator: &mut Generator) -> String {
    let (kind, names, members): (_, _, fn(&mut Generator) -> String) = match generator.of(&[0, 1, 2, 3]) {
        0 => ("User_Alias", ["ADMINS", "U2"], user),
        1 => ("Runas_Alias", ["DB", "ADMINS"], target),
        2 => ("Host_Alias", ["HERE", "H2"], host),
        _ => (generator.of(&["Cmnd_Alias", "Cmd_Alias"]), ["TOOLS", "C2"], command),
    };
    let mut definition = |generator: &mut Generator| {
        let equals = generator.of(&["=", " = ", "= "]);
        let list = generator.some(3, &[",", ", ", " , ", ", \\\n"], &mut |generator| members(generator));
        format!("{}{equals}{list}", generator.of(&names))
    };
    format!("{kind} {}", generator.some(2, &[":", " : "], &mut definition))
}

fn defaults(generator: &mut Generator) -> String {
    let scope = match generator.of(&[0, 0, 1, 2, 3, 4]) {
        0 => String::new(),
        1 => format!(":{}", generator.some(2, &[",", ", "], &mut user)),
        2 => format!("@{}", host(generator)),
        3 => format!(">{}", generator.some(2, &[","], &mut target)),
        _ => {
            format!("!{}", generator.of(&["ALL", "/opt/a", "TOOLS", "/opt/", "!ALL", "/opt/a, /srv/generic", "/opt/*"]))
        }
    };
    let mut setting = |generator: &mut Generator| {
        let all = [
            "!authenticate",
            "!authenticate",
            "! authenticate",
            "!!authenticate",
            "authenticate",
            "env_reset",
            "badpass_message=\"# no, !authenticate\"",
            "exempt_group=wheel",
            "exempt_group = staff",
            "!exempt_group",
            "env_keep += \"A B\"",
            "passwd_tries=3",
            "runas_default=web",
            "timestamp_timeout=-1",
            "exempt_group=nobody",
            "authenticate=no",
            "unknown_setting",
        ];
        generator.of(&all).to_owned()
    };
    format!("Defaults{scope} {}", generator.some(3, &[",", ", ", " , "], &mut setting))
}

fn rule(generator: &mut Generator) -> String {
    let users = generator.some(3, &[",", ", ", " , "], &mut user);
    let mut privilege = |generator: &mut Generator| {
        let hosts = generator.some(2, &[",", ", "], &mut host);
        let equals = generator.of(&["=", " = ", "= "]);
        format!("{hosts}{equals}{}", generator.some(4, &[",", ", ", ", \\\n  ", ", \\ \n"], &mut spec))
    };
    let blank = generator.of(&[" ", "\t", "  ", " \\\n"]);
    format!("{users}{blank}{}", generator.some(2, &[" : ", ":"], &mut privilege))
}

fn spec(generator: &mut Generator) -> String {
    let mut text = String::new();
    if generator.percent(60) {
        let users = generator.some(2, &[",", ", "], &mut target);
        let lists = [
            format!("({users})"),
            format!("({users} : users)"),
            "(ALL)".to_owned(),
            "(ALL:ALL)".to_owned(),
            "(root)".to_owned(),
            "()".to_owned(),
            "(:)".to_owned(),
            "(:users)".to_owned(),
            "(ALL, !root)".to_owned(),
        ];
        let index = generator.of(&[0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8]);
        text.push_str(&lists[index]);
        text.push_str(generator.of(&[" ", ""]));
    }
    if generator.percent(12) {
        text.push_str(generator.of(&[
            "CWD=/tmp ",
            "CWD=* ",
            "CHROOT=* ",
            "TIMEOUT=30 ",
            "TIMEOUT=2m ",
            "TIMEOUT=1m1h ",
            "NOTBEFORE=20200101000000Z ",
            "NOTBEFORE=20200101000000Z NOTAFTER=20200201000000Z ",
            "NOTAFTER=2020010100Z ",
            "NOTAFTER=20990101000000Z ",
            "CWD=relative ",
        ]));
    }
    while generator.percent(45) {
        text.push_str(generator.of(&[
            "NOPASSWD:",
            "NOPASSWD: ",
            "NOPASSWD : ",
            "NOPASSWD: ",
            "NOPASSWD: ",
            "PASSWD: ",
            "SETENV:",
            "NOEXEC: ",
            "LOG_OUTPUT: ",
            "MAIL: ",
            "FOLLOW: ",
        ]));
    }
    text + &command(generator)
}

fn negated(generator: &mut Generator, name: &str, percent: usize) -> String {
    let sign = if generator.percent(percent) { generator.of(&["!", "!", "! ", "!!"]) } else { "" };
    format!("{sign}{name}")
}

fn user(generator: &mut Generator) -> String {
    let all = [
        "ann",
        "bob",
        "eve",
        "ALL",
        "%wheel",
        "%staff",
        "%users",
        "#1001",
        "#1002",
        "%#1006",
        "%#1",
        "%#100",
        "ADMINS",
        "U2",
        "\"bob\"",
        "\"%wheel\"",
        "Bob",
        "nobody-here",
        "+netgroup",
        "%:foreign",
        "a\\nn",
        "#01001",
        "NOBODY",
        "root",
    ];
    let name = generator.of(&all);
    negated(generator, name, 12)
}

fn target(generator: &mut Generator) -> String {
    let all =
        ["root", "web", "ALL", "#0", "#00", "%root", "%#0", "%web", "#1003", "DB", "ADMINS", "\"root\"", "bob", "ROOT"];
    let name = generator.of(&all);
    negated(generator, name, 15)
}

fn host(generator: &mut Generator) -> String {
    let all = [
        "ALL",
        "ALL",
        "ALL",
        "ALL",
        "nixos",
        "NixOS",
        "other",
        "nix*",
        "oth*",
        "HERE",
        "H2",
        "127.0.0.1",
        "10.0.0.0/8",
        "+hosts",
        "nixos.example",
        "fe80::1",
    ];
    let name = generator.of(&all);
    negated(generator, name, 8)
}

fn command(generator: &mut Generator) -> String {
    let all = [
        "ALL",
        "ALL",
        "ALL",
        "ALL",
        "/opt/a",
        "/opt/a",
        "/opt/b",
        "/opt/bin/c",
        "/opt/a \"\"",
        "/opt/a x",
        "/opt/a x*",
        "/opt/",
        "/opt/bin/",
        "/opt/*",
        "/opt/?",
        "/opt/[ab]",
        "^.*$",
        "^/opt/[a-z]+$",
        "^/opt/a$",
        "TOOLS",
        "C2",
        "sudoedit /etc/motd",
        "/opt/a\\:b",
        "/opt/a x\\,y",
    ];
    let name = generator.of(&all);
    negated(generator, name, 10)
}
