//! All ways through the rules for an action of a user.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::NotUnderstood;
use super::parser::{Function, parse};
use super::run::{End, Run};
use super::value::{Doubt, Value};

/// Limit for ways through the rules for one question.
const MOST_WAYS: usize = 64;

/// The rules of all files, in order, with the definitions of their scripts.
#[derive(Default)]
pub(in super::super) struct Script {
    rules: Vec<(Rc<str>, Rc<Function>)>,
    globals: HashMap<String, Value>,
}

/// Who asks for what.
#[derive(Clone, Copy)]
pub(in super::super) struct Question<'q> {
    pub(in super::super) action: &'q str,
    pub(in super::super) user: &'q str,
    pub(in super::super) groups: &'q [String],
}

/// A way that ends in yes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Answer {
    /// The file and line that say yes.
    pub(in super::super) file: Rc<str>,
    pub(in super::super) line: u64,
    /// The user, or the group with a `%`, that the rule checks for; empty if it checks for none.
    pub(in super::super) who: String,
    /// The doubts that it depends on.
    pub(in super::super) doubts: BTreeSet<Doubt>,
}

impl Script {
    /// Adds a file.
    pub(in super::super) fn add(&mut self, file: &str, text: &str) -> Result<(), NotUnderstood> {
        let statements = parse(text)?;
        let question = Question { action: "", user: "", groups: &[] };
        let mut run = Run::new(question, &[]);
        run.frames = vec![std::mem::take(&mut self.globals)];
        let ended = run.statements(&statements);
        let (added, frames) = (std::mem::take(&mut run.added), std::mem::take(&mut run.frames));
        self.globals = frames.into_iter().next().unwrap_or_default();
        let file: Rc<str> = file.into();
        self.rules.extend(added.into_iter().map(|function| (Rc::clone(&file), function)));
        match ended {
            End::Goes if run.doubts.is_empty() => Ok(()),
            _ => Err(NotUnderstood { line: 1 }),
        }
    }

    /// Each way that ends in yes, and the number of steps to find them. The ways are `None` if there are too many. A yes without
    /// doubts is certain.
    pub(in super::super) fn ask(&self, question: Question<'_>) -> (Option<Vec<Answer>>, usize) {
        let mut answers: BTreeSet<Answer> = BTreeSet::new();
        let (mut decisions, mut steps, mut always): (Vec<bool>, usize, bool) = (Vec::new(), 0, true);
        for _ in 0..MOST_WAYS {
            let mut run = Run::new(question, &decisions);
            match self.way(&mut run) {
                Some(answer) => _ = answers.insert(answer),
                None => always = false,
            }
            steps += run.steps;
            decisions = run.taken;
            // The next way changes the last decision that can be changed.
            while decisions.last() == Some(&true) {
                decisions.pop();
            }
            match decisions.last_mut() {
                Some(last) => *last = true,
                None => {
                    let mut answers: Vec<Answer> = answers.into_iter().collect();
                    if always && !answers.iter().any(|answer| answer.doubts.contains(&Doubt::Code)) {
                        // The answer is yes regardless of the unknown values. The way that requires least gives the reason.
                        answers.sort_by_key(|answer| answer.doubts.len());
                        answers.truncate(1);
                        answers.iter_mut().for_each(|answer| answer.doubts.clear());
                    }
                    return (Some(answers), steps);
                }
            }
        }
        (None, steps)
    }

    /// The first answer of a rule, if it is yes.
    fn way(&self, run: &mut Run<'_>) -> Option<Answer> {
        for (file, rule) in &self.rules {
            (run.frames, run.who) = (vec![self.globals.clone()], String::new());
            let said = run.call(rule, vec![Value::Action, Value::Subject]);
            let is_yes = match said {
                Value::Undefined => continue,
                Value::Unknown(doubt) => run.branch(doubt),
                Value::Text(text) => &*text == "yes",
                _ => false,
            };
            let answer =
                || Answer { file: Rc::clone(file), line: run.line, who: run.who.clone(), doubts: run.doubts.clone() };
            return is_yes.then(answer);
        }
        None
    }
}
