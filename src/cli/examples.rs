//! The examples at the end of each command's help.

use clap::Command;

/// Command lines for each command. `result` is the result of a nix-build.
const EXAMPLES: [(&str, &[&str]); 21] = [
    (
        "inspect",
        &["nixoscope inspect result", "nixoscope inspect result --json", "cat result/iso/*.iso | nixoscope inspect -"],
    ),
    (
        "ls",
        &[
            "nixoscope ls result /",
            "nixoscope ls -lh result /etc/ssh/",
            "nixoscope ls -R result /nix/store | grep -w git",
        ],
    ),
    (
        "cat",
        &[
            "nixoscope cat result /etc/ssh/sshd_config",
            "nixoscope cat result /etc/os-release /etc/passwd",
            "nixoscope cat result /nix-store.squashfs > store.squashfs",
        ],
    ),
    (
        "find",
        &[
            "nixoscope find result 'sshd*'",
            "nixoscope find result '/etc/**/*.conf' -t f",
            "nixoscope find result -i '*ssh*' -0 | xargs -0 nixoscope ls -ld result",
        ],
    ),
    (
        "extract",
        &[
            "nixoscope extract result /etc/ssh -o ssh",
            "nixoscope extract result git-2.51.2 -o out",
            "nixoscope extract result /run/current-system --nar | sha256sum",
        ],
    ),
    (
        "packages",
        &[
            "nixoscope packages result --sort size",
            "nixoscope packages result git 'vim@>=9'",
            "nixoscope packages result vim@ge:9 --path",
        ],
    ),
    ("du", &["nixoscope du result", "nixoscope du result /nix/store --depth 1", "nixoscope du result --json"]),
    ("report", &["nixoscope report result -o report.html", "nixoscope report old result -o changes.html"]),
    (
        "why",
        &[
            "nixoscope why result firefox",
            "nixoscope why result firefox --files",
            "nixoscope why result system-path firefox --all",
        ],
    ),
    ("services", &["nixoscope services result", "nixoscope services result --all", "nixoscope services result --json"]),
    ("access", &["nixoscope access result", "nixoscope access result --all", "nixoscope access result --json"]),
    (
        "check",
        &[
            "nixoscope check result --package git --command vim",
            "nixoscope check result --package 'git@>=2.40' --forbid emacs",
            "nixoscope check result --key @key.pub --user root --report junit=check.xml",
        ],
    ),
    (
        "diff",
        &["nixoscope diff old result", "nixoscope diff old result --files", "nixoscope diff old result --reproducible"],
    ),
    (
        "manifest",
        &[
            "nixoscope manifest result > image.json",
            "nixoscope manifest result -o image.json",
            "nixoscope manifest result | nixoscope diff /dev/stdin result",
        ],
    ),
    (
        "policy",
        &[
            "nixoscope policy result -o image.toml",
            "nixoscope policy result",
            "nixoscope policy --schema > policy.schema.json",
        ],
    ),
    (
        "sbom",
        &[
            "nixoscope sbom result -o image.cdx.json",
            "nixoscope sbom result --format spdx",
            "nixoscope sbom result --format csv",
        ],
    ),
    (
        "secrets",
        &["nixoscope secrets result", "nixoscope secrets result --allow '**/*.pem'", "nixoscope secrets result --json"],
    ),
    (
        "verify",
        &[
            "nixoscope verify result",
            "nixoscope verify result --require-hashes",
            "nixoscope manifest result > image.json; nixoscope verify result --against image.json",
        ],
    ),
    ("schema", &["nixoscope schema", "nixoscope schema packages", "nixoscope schema packages > packages.schema.json"]),
    (
        "completions",
        &[
            "nixoscope completions bash > nixoscope.bash",
            "nixoscope completions zsh > _nixoscope",
            "nixoscope completions fish > nixoscope.fish",
        ],
    ),
    ("man", &["nixoscope man | man -l -", "nixoscope man man1"]),
];

/// Adds the examples to the help of the commands.
pub(super) fn add(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (name, lines)| {
        command.mut_subcommand(name, |subcommand| {
            let before = subcommand.get_after_help().map(|help| format!("{help}\n\n")).unwrap_or_default();
            subcommand.after_help(format!("{before}Examples:\n  {}", lines.join("\n  ")))
        })
    })
}
