//! The flags of `check` that assert something, made from the table of kinds.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use nixoscope::check::kind::{Flag, KINDS, Key, Takes};
use nixoscope::check::{Assertion, Kind, WantedKey};
use nixoscope::image::platform::OsStrExt;

/// The flags of keys, which belong together.
const KEY: &str = "key";
const USER: &str = "user";

/// What the flags ask for, in the order of the command line.
#[derive(Clone, Default)]
pub(super) struct Asked {
    /// Each with its place in the command line.
    asked: Vec<(usize, One)>,
    users: Vec<String>,
}

#[derive(Clone)]
enum One {
    Assertion(Assertion),
    /// The value of `--key`.
    Key(String),
}

impl Asked {
    /// The assertions. Keys are read here, before the image is opened.
    pub(super) fn assertions(&self) -> anyhow::Result<Vec<Assertion>> {
        let mut all: Vec<Assertion> = Vec::new();
        for (_, one) in &self.asked {
            match one {
                One::Assertion(assertion) => all.push(assertion.clone()),
                One::Key(text) => {
                    for key in keys(text)? {
                        let of = |user| Key { key: key.clone(), user }.into();
                        match self.users.as_slice() {
                            [] => all.push(of(None)),
                            users => all.extend(users.iter().cloned().map(|user| of(Some(user)))),
                        }
                    }
                }
            }
        }
        Ok(all)
    }

    fn take(&mut self, matches: &mut ArgMatches, name: &str) {
        let places: Vec<usize> = matches.indices_of(name).into_iter().flatten().collect();
        let values = matches.remove_many::<Assertion>(name).into_iter().flatten();
        self.asked.extend(places.into_iter().zip(values.map(One::Assertion)));
    }
}

/// All kinds that have a flag.
fn flags() -> impl Iterator<Item = (&'static Kind, &'static Flag)> {
    KINDS.into_iter().filter_map(|kind| Some((kind, kind.flag.as_ref()?)))
}

/// The flags of the table: `--package, --installed`.
pub(super) fn flags_with_commas() -> String {
    flags().map(|(kind, _)| format!("--{}", kind.name)).collect::<Vec<_>>().join(", ")
}

impl clap::Args for Asked {
    fn augment_args(command: Command) -> Command {
        let command = flags().fold(command, |command, (kind, flag)| {
            let arg = Arg::new(kind.name).long(kind.name).help(flag.help);
            command.arg(match &flag.takes {
                Takes::Nothing(_) => arg.action(ArgAction::SetTrue),
                Takes::Text(name, parse) => {
                    arg.action(ArgAction::Append).value_name(*name).value_parser(|text: &str| parse(text))
                }
                Takes::Path(name, make) => {
                    let parser = OsStringValueParser::new().map(|path: OsString| make(path.as_bytes()));
                    arg.action(ArgAction::Append).value_name(*name).value_parser(parser)
                }
            })
        });
        let key = Arg::new(KEY).long(KEY).value_name("KEY").action(ArgAction::Append);
        let user = Arg::new(USER).long(USER).value_name("NAME").action(ArgAction::Append).requires(KEY);
        command
            .arg(key.help("sshd would accept the key: a public key line, @FILE, or SHA256:…"))
            .arg(user.help("The user who must have the keys; repeat it for several users [default: any]"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let mut all = Self::default();
        for (kind, flag) in flags() {
            match &flag.takes {
                Takes::Nothing(make) if matches.value_source(kind.name) == Some(ValueSource::CommandLine) => {
                    all.asked.extend(matches.index_of(kind.name).map(|place| (place, One::Assertion(make()))));
                }
                Takes::Nothing(_) => {}
                Takes::Text(..) | Takes::Path(..) => all.take(matches, kind.name),
            }
        }
        let places: Vec<usize> = matches.indices_of(KEY).into_iter().flatten().collect();
        let keys = matches.remove_many::<String>(KEY).into_iter().flatten().map(One::Key);
        all.asked.extend(places.into_iter().zip(keys));
        all.users.extend(matches.remove_many::<String>(USER).into_iter().flatten());
        all.asked.sort_by_key(|(place, _)| *place);
        Ok(all)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The keys of one `--key`: a file may hold several.
fn keys(argument: &str) -> anyhow::Result<Vec<WantedKey>> {
    let Some(file) = argument.strip_prefix('@') else {
        return Ok(vec![WantedKey::parse(argument).context("--key")?]);
    };
    let text = std::fs::read_to_string(Path::new(file)).with_context(|| format!("--key @{file}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(WantedKey::parse).collect::<Result<Vec<_>, _>>().with_context(|| format!("--key @{file}"))?;
    if keys.is_empty() {
        bail!("--key @{file}: no public key in it");
    }
    Ok(keys)
}
