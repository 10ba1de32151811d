//! The names nearest to one that is missing.

/// Names that are shown at most.
const SHOWN: usize = 5;

/// The names that a person may have meant, nearest first: the same in other case or punctuation, those that contain the
/// name or are contained in it, and those that differ by a few letters.
pub(super) fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(wanted);
    let mut ranked: Vec<(usize, usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let other = plain(name);
            let contained = wanted.len() >= 2 && other.contains(&wanted) || other.len() >= 3 && wanted.contains(&other);
            let distance = strsim::damerau_levenshtein(&wanted, &other);
            let rank = match () {
                () if other == wanted => 0,
                () if contained => 1,
                () if distance <= (wanted.len() / 3).clamp(1, 3) => 1 + distance,
                () => return None,
            };
            Some((rank, distance, name))
        })
        .collect();
    ranked.sort_unstable();
    let mut names: Vec<&str> = Vec::new();
    for (_, _, name) in ranked {
        if names.len() < SHOWN && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `; nearest: a, b`, or an empty text.
pub(super) fn listed(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!("; nearest: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["git", "git-lfs", "gitMinimal", "glibc", "neovim", "vim", "python3.13-numpy"];
        assert_eq!(nearest("Git", names), ["git", "git-lfs", "gitMinimal"]);
        assert_eq!(nearest("numpy", names), ["python3.13-numpy"]);
        assert_eq!(nearest("noevim", names), ["vim", "neovim"]);
        assert_eq!(nearest("firefox", names), [""; 0]);
    }
}
