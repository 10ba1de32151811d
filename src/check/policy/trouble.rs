//! Why a policy is refused, and where.

use std::fmt;
use std::path::PathBuf;

/// Why a policy is refused: a policy with a mistake never passes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", file.display())]
pub struct PolicyError {
    /// The policy file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters.
    pub column: usize,
    /// What is wrong there, and what was perhaps meant.
    pub message: String,
}

/// All mistakes of a policy file, in its order: one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for PolicyErrors {}

/// Adds what was perhaps meant to a message about an unknown word, which lists the known ones in backticks.
pub(super) fn with_advice(message: &str) -> String {
    let message = message.trim().lines().next().unwrap_or_default();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (Some(word), true) = (quoted.next(), unknown) else { return message.to_owned() };
    let near = quoted.map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
    match near {
        Some((distance, known)) if distance <= 1 + word.len() / 3 => format!("{message}; did you mean `{known}`?"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_word_is_named() {
        let told = with_advice("unknown field `naem`, expected one of `name`, `version`");
        assert!(told.ends_with("; did you mean `name`?"), "{told}");
        assert_eq!(with_advice("unknown field `zzzzzz`, expected `name`"), "unknown field `zzzzzz`, expected `name`");
        assert_eq!(with_advice("missing field `name`\n more"), "missing field `name`");
    }
}
