//! Values of a script.

use std::rc::Rc;

use super::parser::Function;

/// A value, as far as it is tracked.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Also `null`.
    Undefined,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    /// A regular expression, with its flags.
    Regex(Rc<str>, Rc<str>),
    Array(Rc<Vec<Value>>),
    Function(Rc<Function>),
    /// A method of a value: `subject.isInGroup`.
    Method(Rc<Value>, Rc<str>),
    Polkit,
    /// `polkit.Result`
    Results,
    Action,
    Subject,
    Unknown(Doubt),
}

/// Why a value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Doubt {
    /// It depends on whether the user sits at the machine.
    Local,
    /// It depends on the details of the action, such as the unit.
    Details,
    /// The code does something that is not tracked.
    Code,
}

/// Whether a value is truthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Is(bool),
    Unknown(Doubt),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn truth(&self) -> Truth {
        Truth::Is(match self {
            Self::Undefined => false,
            Self::Bool(is) => *is,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Unknown(doubt) => return Truth::Unknown(*doubt),
            _ => true,
        })
    }

    /// Whether two values are equal, under `==` and `===`.
    pub(super) fn equals(&self, other: &Self) -> Self {
        Self::Bool(match (self, other) {
            (Self::Unknown(doubt), _) | (_, Self::Unknown(doubt)) => return Self::Unknown(*doubt),
            (Self::Undefined, Self::Undefined) => true,
            (Self::Undefined, _) | (_, Self::Undefined) => false,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => (one - other).abs() < f64::EPSILON,
            (Self::Text(one), Self::Text(other)) => one == other,
            _ => return Self::Unknown(Doubt::Code),
        })
    }

    pub(super) fn not(&self) -> Self {
        match self.truth() {
            Truth::Is(is) => Self::Bool(!is),
            Truth::Unknown(doubt) => Self::Unknown(doubt),
        }
    }

    /// Arithmetic with two values.
    pub(super) fn with(&self, sign: &str, other: &Self) -> Self {
        match (self, other) {
            (Self::Unknown(doubt), _) | (_, Self::Unknown(doubt)) => Self::Unknown(*doubt),
            (Self::Text(one), Self::Text(other)) if sign == "+" && one.len() + other.len() <= LONGEST => {
                Self::text(&format!("{one}{other}"))
            }
            (Self::Number(one), Self::Number(other)) => match sign {
                "+" => Self::Number(one + other),
                "-" => Self::Number(one - other),
                "*" => Self::Number(one * other),
                "<" => Self::Bool(one < other),
                ">" => Self::Bool(one > other),
                "<=" => Self::Bool(one <= other),
                ">=" => Self::Bool(one >= other),
                _ => Self::Unknown(Doubt::Code),
            },
            _ => Self::Unknown(Doubt::Code),
        }
    }
}

/// Limit for bytes of a concatenated text.
const LONGEST: usize = 10_000;
