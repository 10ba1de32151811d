//! Wrong usage, explained.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Prints the error, help or version, and ends the program with the code that clap gives it.
pub(super) fn exit(error: &clap::Error) -> ! {
    let _ = error.print();
    if wants_json(error, std::env::args_os().map(|word| word.to_string_lossy().into_owned())) {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"\n  tip: JSON is printed with --json\n");
    }
    std::process::exit(error.exit_code())
}

/// Whether somebody asks for JSON as other programs take it: `--format json`, `--output=json`, `-o json`.
fn wants_json(error: &clap::Error, words: impl Iterator<Item = String>) -> bool {
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) => unknown.clone(),
        _ => return false,
    };
    let words: Vec<String> = words.collect();
    let flag = ["--format", "--output", "--output-format", "-o", "-f"].iter().find(|flag| unknown.starts_with(**flag));
    let follows =
        |flag: &str| words.windows(2).any(|pair| matches!(pair, [first, next] if first == flag && next == "json"));
    let joined = |flag: &str| {
        words.iter().any(|word| word.strip_prefix(flag).is_some_and(|rest| rest == "=json" || rest == "json"))
    };
    matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidValue)
        && flag.is_some_and(|flag| follows(flag) || joined(flag))
}
