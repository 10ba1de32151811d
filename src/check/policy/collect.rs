//! From a policy to its demands, in the order of its tables.

use std::path::Path;

use super::super::kind::{Assertion, Command, Integrity, Key, NoSecrets, OnlyKeys};
use super::super::query::WantedKey;
use super::file::{Checked, ItsLines, Placed, Policy};
use super::tables::{KeyTable, SeverityWord};
use super::{Demand, PolicyError, PolicyErrors, Severity};

/// A `[[key]]` with what is made of it, or why its keys cannot be read.
type OfKeys<'t, T> = (&'t Checked<KeyTable>, Result<Vec<T>, String>);

/// What a table says about all its assertions.
#[derive(Clone, Copy)]
struct Said<'t> {
    severity: &'t SeverityWord,
    reason: &'t Option<String>,
    system: &'t Option<String>,
    lines: &'t ItsLines,
}

impl<'t> Said<'t> {
    /// A table that names no system.
    fn of(severity: &'t SeverityWord, reason: &'t Option<String>, lines: &'t ItsLines) -> Self {
        Self { severity, reason, system: &None, lines }
    }

    fn in_system(self, system: &'t Option<String>) -> Self {
        Self { system, ..self }
    }
}

/// The demands of a policy, while they are collected.
struct Demands<'p> {
    /// The policy's name.
    policy: &'p str,
    all: Vec<Demand>,
    /// Tables that cannot be turned into assertions, by their lines.
    mistakes: Vec<(usize, String)>,
}

impl Demands<'_> {
    fn add(&mut self, assertions: Result<Vec<Assertion>, String>, said: Said<'_>) {
        let severity = match said.severity {
            SeverityWord::Error => Severity::Error,
            SeverityWord::Warning => Severity::Warning,
        };
        match assertions {
            Ok(assertions) => self.all.extend(assertions.into_iter().map(|assertion| Demand {
                line: Some(said.lines.of_kind(assertion.kind().name)),
                assertion,
                severity,
                reason: said.reason.clone(),
                policy: Some(self.policy.to_owned()),
                system: said.system.clone(),
            })),
            Err(message) => self.mistakes.push((said.lines.first, message)),
        }
    }
}

impl Policy {
    /// The assertions, in the order of the tables in the documentation. Files that tables name are read from `folder` on.
    ///
    /// # Errors
    /// Which of these files cannot be read, or do not hold what they should.
    pub fn demands(&self, name: &str, folder: &Path) -> Result<Vec<Demand>, PolicyErrors> {
        let mut demands = Demands { policy: name, all: Vec::new(), mistakes: Vec::new() };
        self.collect(folder, &mut demands);
        if demands.mistakes.is_empty() {
            return Ok(demands.all);
        }
        demands.mistakes.sort_by_key(|(line, _)| *line);
        let error = |(line, message)| PolicyError { file: name.into(), line, column: 1, message };
        Err(PolicyErrors(demands.mistakes.into_iter().map(error).collect()))
    }

    fn collect(&self, folder: &Path, to: &mut Demands<'_>) {
        if let Some(Placed(presets, lines)) = &self.preset {
            let assertions = presets.as_slice().iter().flat_map(|preset| preset.assertions());
            to.add(Ok(assertions.collect()), Said::of(&SeverityWord::Error, &None, lines));
        }
        if let Some(table) = &self.image {
            to.add(table.assertions(), Said::of(&table.severity, &table.reason, &table.1));
        }
        for table in &self.package {
            let said = Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system);
            to.add(table.assertions(), said);
        }
        for table in &self.closure {
            let assertion = table.assertion(folder).map(|assertion| vec![assertion]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1));
        }
        for table in &self.menu {
            let assertion = table.assertion().map(|assertion| vec![assertion]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1));
        }
        if let Some(table) = &self.size {
            to.add(table.assertions(folder), Said::of(&table.severity, &table.reason, &table.1));
        }
        self.collect_of_systems(folder, to);
        if let Some(table) = &self.secrets {
            let assertion = table.allowed().map(|allowed| vec![NoSecrets(allowed).into()]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1));
        }
        if let Some(table) = &self.integrity {
            to.add(Ok(vec![Integrity.into()]), Said::of(&table.severity, &table.reason, &table.1));
        }
    }

    /// The tables after those about packages. All of them may name a system.
    fn collect_of_systems(&self, folder: &Path, to: &mut Demands<'_>) {
        for table in &self.command {
            let assertion = Command(table.name.0.clone()).into();
            let said = Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system);
            to.add(Ok(vec![assertion]), said);
        }
        for table in &self.file {
            let assertion = table.assertion().map(|assertion| vec![assertion]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system));
        }
        for table in &self.unit {
            let assertion = table.assertion().map(|assertion| vec![assertion]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system));
        }
        for table in &self.user {
            let said = Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system);
            to.add(Ok(vec![table.assertion()]), said);
        }
        for (table, assertions) in self.keys(folder) {
            to.add(assertions, Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system));
        }
        if let Some(table) = &self.ssh {
            let said = Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system);
            to.add(Ok(table.assertions()), said);
        }
        for table in &self.port {
            let assertion = table.assertion().map(|assertion| vec![assertion]);
            to.add(assertion, Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system));
        }
        if let Some(table) = &self.firewall {
            let said = Said::of(&table.severity, &table.reason, &table.1).in_system(&table.system);
            to.add(table.assertions(), said);
        }
    }

    /// What each `[[key]]` asserts, or why its keys cannot be read.
    fn keys(&self, folder: &Path) -> Vec<OfKeys<'_, Assertion>> {
        let tables: Vec<OfKeys<'_, WantedKey>> = self.key.iter().map(|table| (table, table.keys(folder))).collect();
        // All keys that the policy names for that user, or for any, may let the user in.
        let allowed = |table: &KeyTable| {
            let same = |other: &KeyTable| {
                let same_user = table.user.is_none() || other.user.is_none() || other.user == table.user;
                same_user && (other.system.is_none() || other.system == table.system)
            };
            let keys = tables.iter().filter(|(other, _)| same(other)).filter_map(|(_, keys)| keys.as_ref().ok());
            keys.flatten().cloned().collect::<Vec<WantedKey>>()
        };
        let assertions = tables.iter().map(|(table, wanted)| {
            let keys = wanted.as_ref().map_err(Clone::clone).map(|wanted| {
                let assertion =
                    |key: &WantedKey| -> Assertion { Key { key: key.clone(), user: table.user.clone() }.into() };
                let mut all: Vec<Assertion> = wanted.iter().map(assertion).collect();
                if table.only == Some(true) {
                    all.push(OnlyKeys { user: table.user.clone(), allowed: allowed(table) }.into());
                }
                all
            });
            (*table, keys)
        });
        assertions.collect()
    }
}
