//! Follows one way through the rules.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::expression::Expression;
use super::methods;
use super::parser::{Each, Function, Statement};
use super::value::{Doubt, Truth, Value};
use super::ways::Question;

/// Limit for statements and expressions on one way.
const MOST_STEPS: usize = 5_000;

/// Limit for nested functions and expressions.
const DEEPEST: usize = 160;

/// One way through the rules.
pub(super) struct Run<'q> {
    question: Question<'q>,
    /// Decisions for the first unknown branches. Later branches get `false`.
    given: &'q [bool],
    pub(super) taken: Vec<bool>,
    pub(super) doubts: BTreeSet<Doubt>,
    pub(super) frames: Vec<HashMap<String, Value>>,
    /// Functions added as rules.
    pub(super) added: Vec<Rc<Function>>,
    pub(super) who: String,
    /// The line of the last `return`.
    pub(super) line: u64,
    pub(super) steps: usize,
    depth: usize,
}

/// How a statement ends.
pub(super) enum End {
    Goes,
    Returns(Value),
    Breaks,
    Continues,
}

impl<'q> Run<'q> {
    pub(super) fn new(question: Question<'q>, given: &'q [bool]) -> Self {
        Self {
            question,
            given,
            taken: Vec::new(),
            doubts: BTreeSet::new(),
            frames: Vec::new(),
            added: Vec::new(),
            who: String::new(),
            line: 1,
            steps: 0,
            depth: 0,
        }
    }

    /// Takes one of two branches.
    pub(super) fn branch(&mut self, doubt: Doubt) -> bool {
        let decision = self.given.get(self.taken.len()).copied().unwrap_or(false);
        self.taken.push(decision);
        self.doubts.insert(doubt);
        decision
    }

    /// Records something that is not tracked.
    fn lost(&mut self) -> Value {
        self.doubts.insert(Doubt::Code);
        Value::Unknown(Doubt::Code)
    }

    fn is_true(&mut self, value: &Value) -> bool {
        match value.truth() {
            Truth::Is(is) => is,
            Truth::Unknown(doubt) => self.branch(doubt),
        }
    }

    pub(super) fn call(&mut self, function: &Function, arguments: Vec<Value>) -> Value {
        if self.depth > DEEPEST {
            return self.lost();
        }
        self.depth += 1;
        let mut arguments = arguments.into_iter();
        let values =
            function.parameters.iter().map(|name| (name.clone(), arguments.next().unwrap_or(Value::Undefined)));
        self.frames.push(values.collect());
        let end = self.statements(&function.body);
        self.frames.pop();
        self.depth -= 1;
        if let End::Returns(value) = end { value } else { Value::Undefined }
    }

    pub(super) fn statements(&mut self, all: &[Statement]) -> End {
        // Functions exist before their definition.
        for statement in all {
            if let Statement::Variable(name, Some(Expression::Function(function))) = statement {
                self.define(name, Value::Function(Rc::clone(function)));
            }
        }
        for statement in all {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                let lost = self.lost();
                return End::Returns(lost);
            }
            match self.statement(statement) {
                End::Goes => {}
                end => return end,
            }
        }
        End::Goes
    }

    fn statement(&mut self, statement: &Statement) -> End {
        match statement {
            Statement::Expression(expression) => {
                self.value(expression);
            }
            Statement::Variable(name, value) => {
                let value = value.as_ref().map_or(Value::Undefined, |value| self.value(value));
                self.define(name, value);
            }
            Statement::If(condition, then, otherwise) => {
                let condition = self.value(condition);
                let way = if self.is_true(&condition) { then } else { otherwise };
                return self.statements(way);
            }
            Statement::Return(value, line) => {
                let value = value.as_ref().map_or(Value::Undefined, |value| self.value(value));
                self.line = *line;
                return End::Returns(value);
            }
            Statement::Block(all) => return self.statements(all),
            Statement::Loop(start, condition, step, body) => {
                if let Some(start) = start {
                    self.statement(start);
                }
                return self.repeat(condition.as_ref(), step.as_ref(), body);
            }
            Statement::Each { name, of, values, body } => {
                let of = self.value(of);
                let Value::Array(all) = of else {
                    let lost = self.lost();
                    return End::Returns(lost);
                };
                for (at, value) in all.iter().enumerate() {
                    let own = if *values == Each::Values { value.clone() } else { Value::Number(at as f64) };
                    self.define(name, own);
                    match self.statements(body) {
                        End::Goes | End::Continues => {}
                        End::Breaks => break,
                        end @ End::Returns(_) => return end,
                    }
                }
            }
            Statement::Break => return End::Breaks,
            Statement::Continue => return End::Continues,
        }
        End::Goes
    }

    fn repeat(&mut self, condition: Option<&Expression>, step: Option<&Expression>, body: &[Statement]) -> End {
        loop {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                let lost = self.lost();
                return End::Returns(lost);
            }
            let condition = condition.map_or(Value::Bool(true), |condition| self.value(condition));
            if !self.is_true(&condition) {
                return End::Goes;
            }
            match self.statements(body) {
                End::Goes | End::Continues => {}
                End::Breaks => return End::Goes,
                end @ End::Returns(_) => return end,
            }
            if let Some(step) = step {
                self.value(step);
            }
        }
    }

    fn define(&mut self, name: &str, value: Value) {
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.to_owned(), value);
        }
    }

    fn value(&mut self, expression: &Expression) -> Value {
        self.steps += 1;
        if self.depth > DEEPEST || self.steps > MOST_STEPS {
            return self.lost();
        }
        self.depth += 1;
        let value = self.known(expression);
        self.depth -= 1;
        value
    }

    fn known(&mut self, expression: &Expression) -> Value {
        match expression {
            Expression::Text(text) => Value::text(text),
            Expression::Number(number) => Value::Number(*number),
            Expression::Regex(pattern, flags) => Value::Regex(pattern.as_str().into(), flags.as_str().into()),
            Expression::Name(name) => self.named(name),
            Expression::Array(all) => Value::Array(Rc::new(all.iter().map(|one| self.value(one)).collect())),
            Expression::Function(function) => Value::Function(Rc::clone(function)),
            Expression::Member(of, name) => {
                let of = self.value(of);
                self.member(of, name)
            }
            Expression::Index(of, place) => match (self.value(of), self.value(place)) {
                (Value::Array(all), Value::Number(place)) => {
                    let found = all.iter().enumerate().find(|(at, _)| (*at as f64 - place).abs() < f64::EPSILON);
                    found.map_or(Value::Undefined, |(_, value)| value.clone())
                }
                (of, Value::Text(name)) => self.member(of, &name),
                _ => Value::Unknown(Doubt::Code),
            },
            Expression::Call(function, arguments) => {
                let function = self.value(function);
                let arguments: Vec<Value> = arguments.iter().map(|argument| self.value(argument)).collect();
                self.called(function, arguments)
            }
            Expression::Not(value) => self.value(value).not(),
            Expression::Negative(value) => Value::Number(0.0).with("-", &self.value(value)),
            Expression::Logic(sign, all) => self.logic(*sign == "&&", all),
            Expression::Binary(sign, one, other) => {
                let is_user =
                    |expression: &Expression| matches!(expression, Expression::Member(_, name) if name == "user");
                let of_user = is_user(one) || is_user(other);
                let (one, other) = (self.value(one), self.value(other));
                match *sign {
                    "==" | "===" | "!=" | "!==" => {
                        let same = one.equals(&other);
                        if of_user && matches!(same, Value::Bool(true)) {
                            self.who = self.question.user.to_owned();
                        }
                        if sign.starts_with('!') { same.not() } else { same }
                    }
                    sign => one.with(sign, &other),
                }
            }
            Expression::Choice(condition, then, otherwise) => {
                let condition = self.value(condition);
                let way = if self.is_true(&condition) { then } else { otherwise };
                self.value(way)
            }
            Expression::Assign(place, value) => {
                let value = self.value(value);
                self.assign(place, value.clone());
                value
            }
            Expression::Other => Value::Unknown(Doubt::Code),
        }
    }

    fn named(&self, name: &str) -> Value {
        if let Some(value) = self.frames.iter().rev().find_map(|frame| frame.get(name)) {
            return value.clone();
        }
        match name {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" | "undefined" => Value::Undefined,
            "polkit" => Value::Polkit,
            _ => Value::Unknown(Doubt::Code),
        }
    }

    fn assign(&mut self, place: &Expression, value: Value) {
        match place {
            Expression::Name(name) => match self.frames.iter_mut().rev().find_map(|frame| frame.get_mut(name)) {
                Some(known) => *known = value,
                None => self.define(name, value),
            },
            // `String.prototype.startsWith = …` adds a method that already exists.
            Expression::Member(of, _) if matches!(&**of, Expression::Member(_, name) if name == "prototype") => {}
            _ => _ = self.lost(),
        }
    }

    /// `&&` or `||`: the first value that decides. An unknown value leaves the decision to the others.
    fn logic(&mut self, and: bool, all: &[Expression]) -> Value {
        let mut last = Value::Undefined;
        let mut doubt = None;
        for one in all {
            last = self.value(one);
            match last.truth() {
                Truth::Is(is) if is != and => return last,
                Truth::Is(_) => {}
                Truth::Unknown(own) => doubt = doubt.or(Some(own)),
            }
        }
        doubt.map_or(last, Value::Unknown)
    }

    fn member(&mut self, of: Value, name: &str) -> Value {
        match (of, name) {
            (Value::Polkit, "Result") => Value::Results,
            (Value::Results, "NOT_HANDLED") => Value::Undefined,
            (Value::Results, name) => Value::text(&name.to_ascii_lowercase()),
            (Value::Action, "id") => Value::text(self.question.action),
            (Value::Subject, "user") => Value::text(self.question.user),
            (Value::Subject, "groups") => {
                Value::Array(Rc::new(self.question.groups.iter().map(|group| Value::text(group)).collect()))
            }
            (Value::Subject, "local" | "active" | "seat" | "session") => Value::Unknown(Doubt::Local),
            (Value::Text(text), "length") => Value::Number(text.chars().count() as f64),
            (Value::Array(all), "length") => Value::Number(all.len() as f64),
            (Value::Unknown(doubt), _) => Value::Unknown(doubt),
            (
                of @ (Value::Polkit
                | Value::Action
                | Value::Subject
                | Value::Text(_)
                | Value::Array(_)
                | Value::Regex(..)),
                name,
            ) => Value::Method(Rc::new(of), name.into()),
            _ => Value::Unknown(Doubt::Code),
        }
    }

    fn called(&mut self, function: Value, arguments: Vec<Value>) -> Value {
        let (of, method) = match function {
            Value::Function(function) => return self.call(&function, arguments),
            Value::Method(of, method) => (of, method),
            Value::Unknown(doubt @ (Doubt::Local | Doubt::Details)) => return Value::Unknown(doubt),
            _ => return self.lost(),
        };
        match (&*of, &*method, arguments.first()) {
            (Value::Polkit, "addRule", Some(Value::Function(rule))) => {
                self.added.push(Rc::clone(rule));
                Value::Undefined
            }
            (Value::Polkit, "addAdminRule" | "_addAdminRule" | "log", _) => Value::Undefined,
            (Value::Action, "lookup", _) => Value::Unknown(Doubt::Details),
            (Value::Subject, "isInGroup", Some(Value::Text(group))) => {
                let is = self.question.groups.iter().any(|own| **own == **group);
                if is {
                    self.who = format!("%{group}");
                }
                Value::Bool(is)
            }
            (Value::Text(text), method, _) => methods::of_text(text, method, &arguments),
            (Value::Array(all), "some" | "every", Some(Value::Function(function))) => {
                let (all, function) = (Rc::clone(all), Rc::clone(function));
                for value in all.iter() {
                    let said = self.call(&function, vec![value.clone()]);
                    if self.is_true(&said) == (&*method == "some") {
                        return Value::Bool(&*method == "some");
                    }
                }
                Value::Bool(&*method == "every")
            }
            (Value::Array(all), "indexOf" | "lastIndexOf" | "includes", _) => {
                methods::of_array(all, &method, &arguments)
            }
            (Value::Regex(pattern, flags), "test", Some(Value::Text(text))) => {
                methods::matches(pattern, flags, text).map_or(Value::Unknown(Doubt::Code), Value::Bool)
            }
            (Value::Regex(..), "test", Some(Value::Unknown(doubt))) => Value::Unknown(*doubt),
            // Methods that change arrays, or run programs.
            _ => self.lost(),
        }
    }
}
