//! Numbers with the noun that they count.

/// Writes a number and its noun, in the singular or the plural: `1 secret`, `2 secrets`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        assert_eq!(
            [0, 1, 2].map(|count| counted(count, "store path")),
            ["0 store paths", "1 store path", "2 store paths"]
        );
    }
}
