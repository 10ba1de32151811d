//! The words and signs of `sudoers` (sudoers(5)).

/// A word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `ALL`
    All,
    /// A name in capital letters, which an alias may define.
    Alias(String),
    /// A user, a host, a value. `#1000` is a user by number.
    Word(String),
    /// `%wheel`, without its sign.
    Group(String),
    /// `+hosts`, without its sign.
    Netgroup(String),
    /// An address, or a network with its mask.
    Network(String),
    /// A program, with arguments if the rule has them.
    Command(String, Option<String>),
    /// `NOPASSWD:` and the like.
    Tag(String),
    /// `sha256:` with the digest.
    Digest,
    /// `TIMEOUT`, `CWD` and the like.
    Option(String),
    /// A setting of `Defaults`.
    Setting(String),
    /// `Defaults`, with the sign after it: `:` users, `@` hosts, `>` targets, `!` commands.
    Defaults(Option<char>),
    /// `User_Alias` and the like, by their first letter: `U`, `R`, `H`, `C`.
    AliasKind(char),
    /// `@include` or `@includedir` with the path.
    Include(Included, String),
    /// `=`, `,`, `:`, `(`, `)`, `!`, `+=`, `-=`
    Sign(char),
    /// The end of a statement.
    End,
    /// Something that no statement may contain.
    Wrong,
}

/// What an include directive includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Included {
    File,
    Directory,
}

/// The tags of a command, each followed by a colon.
pub(super) const TAGS: [&str; 16] = [
    "NOPASSWD",
    "PASSWD",
    "NOEXEC",
    "EXEC",
    "INTERCEPT",
    "NOINTERCEPT",
    "SETENV",
    "NOSETENV",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "MAIL",
    "NOMAIL",
    "FOLLOW",
    "NOFOLLOW",
];

/// The options that NixOS's sudo knows. It is built without SELinux, AppArmor and Solaris privileges.
pub(super) const OPTIONS: [&str; 5] = ["TIMEOUT", "NOTBEFORE", "NOTAFTER", "CWD", "CHROOT"];

/// The digests that may precede a command, with their lengths in bytes.
pub(super) const DIGESTS: [(&str, usize); 4] = [("sha224", 28), ("sha256", 32), ("sha384", 48), ("sha512", 64)];
