//! The README: what its examples show is what the program prints.

use crate::support::run;

/// Each `console` block: the command after the dollar sign, and the lines below it.
fn examples() -> Vec<(String, Vec<String>)> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let example = |block: &str| {
        let mut lines = block.lines().map(str::to_owned);
        let command = lines.next().unwrap().strip_prefix("$ nixoscope ").unwrap().to_owned();
        (command, lines.collect())
    };
    blocks.map(example).collect()
}

#[test]
fn every_example_prints_what_the_readme_shows() {
    let examples = examples();
    assert!(examples.len() >= 3, "{examples:?}");
    for (command, shown) in examples {
        let found = run(&command.split(' ').collect::<Vec<_>>());
        let mut printed = found.out.lines();
        let mut skipping = false;
        for line in shown {
            // An ellipsis matches any lines.
            if line == "…" {
                skipping = true;
                continue;
            }
            let next = if skipping { printed.find(|next| *next == line) } else { printed.next() };
            assert_eq!(next, Some(line.as_str()), "{command}\n{}", found.out);
            skipping = false;
        }
        assert!(skipping || printed.next().is_none(), "{command}: more than the README shows");
    }
}
