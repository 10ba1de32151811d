//! The expressions of a script.

use std::rc::Rc;

use super::lexer::Token;
use super::parser::{Function, Parsed, Parser, Statement};

/// Limit for consecutive signs such as `+` and `.`.
const LONGEST: usize = 32;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Text(String),
    Number(f64),
    Regex(String, String),
    Name(String),
    Array(Vec<Expression>),
    Function(Rc<Function>),
    Member(Box<Expression>, String),
    Index(Box<Expression>, Box<Expression>),
    Call(Box<Expression>, Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    /// `&&` or `||` between all of these.
    Logic(&'static str, Vec<Expression>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    /// Assigns to a name, or to something else.
    Assign(Box<Expression>, Box<Expression>),
    /// An expression whose value is not tracked.
    Other,
}

/// The binary operators, those that bind least first.
const LEVELS: [&[&str]; 6] =
    [&["||"], &["&&"], &["===", "!==", "==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

/// The number of levels whose operators join any number of values.
const LOGIC: usize = 2;

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.nested(|parser| {
            let left = parser.choice()?;
            if parser.take("=") {
                return Ok(Expression::Assign(Box::new(left), Box::new(parser.expression()?)));
            }
            for (sign, operator) in [("+=", "+"), ("-=", "-")] {
                if parser.take(sign) {
                    let sum = Expression::Binary(operator, Box::new(left.clone()), Box::new(parser.expression()?));
                    return Ok(Expression::Assign(Box::new(left), Box::new(sum)));
                }
            }
            Ok(left)
        })
    }

    fn choice(&mut self) -> Parsed<Expression> {
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let then = self.expression()?;
        self.need(":")?;
        let otherwise = self.expression()?;
        Ok(Expression::Choice(Box::new(condition), Box::new(then), Box::new(otherwise)))
    }

    fn binary(&mut self, level: usize) -> Parsed<Expression> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        if let (Some(sign), true) = (signs.first(), level < LOGIC) {
            let mut all = Vec::new();
            while self.take(sign) {
                all.push(self.binary(level + 1)?);
            }
            if !all.is_empty() {
                all.insert(0, left);
                left = Expression::Logic(sign, all);
            }
            return Ok(left);
        }
        for _ in 0..LONGEST {
            let Some(sign) = signs.iter().find(|sign| self.take(sign)) else { return Ok(left) };
            let right = self.binary(level + 1)?;
            left = Expression::Binary(sign, Box::new(left), Box::new(right));
        }
        self.fail()
    }

    fn unary(&mut self) -> Parsed<Expression> {
        if self.take("!") {
            return self.nested(|parser| Ok(Expression::Not(Box::new(parser.unary()?))));
        }
        if self.take("-") {
            return self.nested(|parser| Ok(Expression::Negative(Box::new(parser.unary()?))));
        }
        if ["typeof", "void", "new", "await"].iter().any(|word| self.take_word(word)) {
            self.nested(Self::unary)?;
            return Ok(Expression::Other);
        }
        let value = self.postfix()?;
        for (sign, operator) in [("++", "+"), ("--", "-")] {
            if self.take(sign) {
                let sum = Expression::Binary(operator, Box::new(value.clone()), Box::new(Expression::Number(1.0)));
                return Ok(Expression::Assign(Box::new(value), Box::new(sum)));
            }
        }
        Ok(value)
    }

    fn postfix(&mut self) -> Parsed<Expression> {
        let mut value = self.primary()?;
        for _ in 0..LONGEST {
            if self.take(".") {
                value = Expression::Member(Box::new(value), self.name()?);
            } else if self.take("[") {
                value = Expression::Index(Box::new(value), Box::new(self.expression()?));
                self.need("]")?;
            } else if self.take("(") {
                value = Expression::Call(Box::new(value), self.list(")")?);
            } else {
                return Ok(value);
            }
        }
        self.fail()
    }

    fn list(&mut self, end: &str) -> Parsed<Vec<Expression>> {
        let mut all = Vec::new();
        while !self.take(end) {
            all.push(self.expression()?);
            if !self.take(",") {
                self.need(end)?;
                return Ok(all);
            }
        }
        Ok(all)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        if self.is_arrow() {
            return self.arrow();
        }
        match self.next() {
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Regex(pattern, flags) => Ok(Expression::Regex(pattern, flags)),
            Token::Word(word) if word == "function" => {
                if matches!(self.peek(), Token::Word(_)) {
                    self.at += 1;
                }
                self.function()
            }
            Token::Word(word) => Ok(Expression::Name(word)),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.need(")")?;
                Ok(inner)
            }
            Token::Sign("[") => Ok(Expression::Array(self.list("]")?)),
            _ => self.fail(),
        }
    }

    /// Whether `name =>` or `(…) =>` follows.
    fn is_arrow(&self) -> bool {
        let is = |at: usize, sign: &str| matches!(self.tokens.get(at), Some((Token::Sign(own), _)) if *own == sign);
        if matches!(self.peek(), Token::Word(_)) {
            return is(self.at + 1, "=>");
        }
        let end = (self.at + 1..self.tokens.len().min(self.at + 12)).find(|at| is(*at, ")"));
        is(self.at, "(") && end.is_some_and(|end| is(end + 1, "=>"))
    }

    fn arrow(&mut self) -> Parsed<Expression> {
        let mut parameters = Vec::new();
        if self.take("(") {
            while !self.take(")") {
                parameters.push(self.name()?);
                self.take(",");
            }
        } else {
            parameters.push(self.name()?);
        }
        self.need("=>")?;
        let line = self.line();
        let body = match self.peek() {
            Token::Sign("{") => self.block()?,
            _ => vec![Statement::Return(Some(self.expression()?), line)],
        };
        Ok(Expression::Function(Rc::new(Function { parameters, body })))
    }
}
