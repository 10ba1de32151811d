//! The rules of one PAM service (pam.conf(5)), with the rules that they include.

use std::sync::Arc;

use super::modules::SHELLS;
use crate::error::Result;
use crate::nixos::Root;

/// Limit for nested includes; Linux-PAM stops at 32.
const DEEPEST: usize = 32;

/// Rules of one service.
const MOST_RULES: usize = 1_000;

/// The subject of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who somebody is.
    Auth,
    /// Whether the account may be used.
    Account,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) control: Control,
    /// The file name of the module, without directory and `.so`; empty for included rules.
    pub(super) module: String,
    pub(super) arguments: Vec<String>,
    pub(super) file: Arc<str>,
    pub(super) line: u64,
}

impl Rule {
    /// The files that its module reads.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let shells = (self.module == "pam_shells").then_some(SHELLS);
        self.arguments.iter().filter_map(|argument| argument.strip_prefix("file=")).chain(shells)
    }
}

/// What follows from a module's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// On success, on failure, and if the module has nothing to say.
    Module { success: Action, failure: Action, ignore: Action },
    /// Included rules whose result counts as the answer of one module.
    Substack(Vec<Rule>),
    /// The file is not in the image, or the rule is malformed.
    Unknown,
}

/// How it affects the result of the whole stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// Skips the next rules.
    Skip(usize),
}

/// Reads the rules of a service. `None` if the image has no file for it.
pub(super) fn read(root: &Root<'_>, service: &str, kind: Kind) -> Result<Option<Vec<Rule>>> {
    let mut count = 0;
    file(root, &format!("/etc/pam.d/{service}"), kind, (0, &mut count))
}

fn file(root: &Root<'_>, path: &str, kind: Kind, (depth, count): (usize, &mut usize)) -> Result<Option<Vec<Rule>>> {
    let Some(text) = root.text(path)? else { return Ok(None) };
    let shared: Arc<str> = path.into();
    let mut rules = Vec::new();
    for (line, text) in lines(&text) {
        *count += 1;
        if *count > MOST_RULES {
            rules.push(behind_limit("1,000 rules", (&shared, line)));
            break;
        }
        let words = words(&text);
        let mut words = words.iter().map(String::as_str);
        let first = words.next().unwrap_or_default();
        let included = |name: &str| if name.starts_with('/') { name.to_owned() } else { format!("/etc/pam.d/{name}") };
        let rule = |control, module: &str, arguments| Rule {
            control,
            module: module.to_owned(),
            arguments,
            file: Arc::clone(&shared),
            line,
        };
        if first == "@include" {
            if depth == DEEPEST {
                rules.push(behind_limit("32 levels of files", (&shared, line)));
                break;
            }
            match file(root, &included(words.next().unwrap_or_default()), kind, (depth + 1, count))? {
                Some(own) => rules.extend(own),
                None => rules.push(rule(Control::Unknown, "@include", Vec::new())),
            }
            continue;
        }
        if !is_of(first, kind) {
            continue;
        }
        let control = words.next().unwrap_or_default();
        let module = words.next().unwrap_or_default();
        let lower = control.to_ascii_lowercase();
        if matches!(lower.as_str(), "include" | "substack") {
            if depth == DEEPEST {
                rules.push(behind_limit("32 levels of files", (&shared, line)));
                break;
            }
            match file(root, &included(module), kind, (depth + 1, count))? {
                Some(own) if lower == "include" => rules.extend(own),
                Some(own) => rules.push(rule(Control::Substack(own), "", Vec::new())),
                None => rules.push(rule(Control::Unknown, module, Vec::new())),
            }
            continue;
        }
        let name = module.rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix(".so").unwrap_or(name);
        let arguments = words.map(str::to_owned).collect();
        rules.push(rule(Control::parse(&lower).unwrap_or(Control::Unknown), name, arguments));
    }
    Ok(Some(rules))
}

/// Rules past a limit may say anything.
fn behind_limit(limit: &str, (file, line): (&Arc<str>, u64)) -> Rule {
    let (control, module) = (Control::Unknown, format!("what comes after {limit}"));
    Rule { control, module, arguments: Vec::new(), file: Arc::clone(file), line }
}

/// Whether the first word of a line is the kind, in any case. A leading `-` means that the module may be missing.
fn is_of(word: &str, kind: Kind) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    word.eq_ignore_ascii_case(match kind {
        Kind::Auth => "auth",
        Kind::Account => "account",
    })
}

impl Control {
    /// The words of pam.conf(5), or the values in brackets.
    fn parse(text: &str) -> Option<Self> {
        use Action::{Bad, Die, Done, Ignore, Ok};
        let module = |success, failure| Some(Self::Module { success, failure, ignore: Ignore });
        match text {
            "required" => return module(Ok, Bad),
            "requisite" => return module(Ok, Die),
            "sufficient" => return module(Done, Ignore),
            // Its failure counts only if nothing else does, and then nothing succeeds anyway.
            "optional" => return module(Ok, Ignore),
            _ => {}
        }
        let values = text.strip_prefix('[')?.strip_suffix(']')?;
        let (mut success, mut failure, mut ignore, mut rest) = (None, None, None, Bad);
        for value in values.split_ascii_whitespace() {
            let (name, action) = value.split_once('=')?;
            let action = Action::parse(action)?;
            match name {
                "success" => success = Some(action),
                "auth_err" | "perm_denied" | "user_unknown" if failure.is_none() || name == "auth_err" => {
                    failure = Some(action);
                }
                "ignore" => ignore = Some(action),
                "default" => rest = action,
                _ => {}
            }
        }
        Some(Self::Module {
            success: success.unwrap_or(rest),
            failure: failure.unwrap_or(rest),
            ignore: ignore.unwrap_or(rest),
        })
    }
}

impl Action {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ignore" => Self::Ignore,
            "ok" => Self::Ok,
            "done" => Self::Done,
            "bad" => Self::Bad,
            "die" => Self::Die,
            "reset" => Self::Reset,
            number => Self::Skip(number.parse().ok()?),
        })
    }
}

/// The lines without comments, with their numbers. Lines continued with a backslash are joined.
fn lines(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u64..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let (part, continues) = line.trim_end().strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(part);
            }
            _ => lines.push((number, part.to_owned())),
        }
        open = continues;
    }
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// The words of a line. Text in brackets is one word.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if let Some((inside, behind)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            // The control keeps its brackets; arguments lose them.
            words.push(if words.len() == 1 { format!("[{inside}]") } else { inside.to_owned() });
            rest = behind.trim_start();
            continue;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}
