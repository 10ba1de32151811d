//! The statements of a script.

use std::rc::Rc;

use super::NotUnderstood;
use super::expression::Expression;
use super::lexer::{Token, tokens};

/// Limit for nested parentheses and blocks.
const DEEPEST: usize = 32;

/// A statement.
#[derive(Debug)]
pub(super) enum Statement {
    Expression(Expression),
    Variable(String, Option<Expression>),
    If(Expression, Vec<Statement>, Vec<Statement>),
    Return(Option<Expression>, u64),
    Block(Vec<Statement>),
    /// `for (START; CONDITION; STEP) BODY`, and `while`.
    Loop(Option<Box<Statement>>, Option<Expression>, Option<Expression>, Vec<Statement>),
    /// `for (NAME in VALUE)`, or `of`.
    Each {
        name: String,
        of: Expression,
        values: Each,
        body: Vec<Statement>,
    },
    Break,
    Continue,
}

/// What `for` iterates over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Each {
    /// The indices of the values: `in`.
    Places,
    /// The values: `of`.
    Values,
}

/// A function with its parameters.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) parameters: Vec<String>,
    pub(super) body: Vec<Statement>,
}

pub(super) type Parsed<T> = Result<T, NotUnderstood>;

/// Reads tokens one after the other.
pub(super) struct Parser {
    pub(super) tokens: Vec<(Token, u64)>,
    pub(super) at: usize,
    depth: usize,
}

/// The statements of a script.
pub(super) fn parse(text: &str) -> Parsed<Vec<Statement>> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let mut all = Vec::new();
    while *parser.peek() != Token::End {
        parser.statement(&mut all)?;
    }
    Ok(all)
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    pub(super) fn line(&self) -> u64 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn fail<T>(&self) -> Parsed<T> {
        Err(NotUnderstood { line: self.line() })
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Token::Sign(own) if *own == sign);
        self.at += usize::from(is_it);
        is_it
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Token::Word(own) if own == word);
        self.at += usize::from(is_it);
        is_it
    }

    pub(super) fn need(&mut self, sign: &str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { self.fail() }
    }

    pub(super) fn name(&mut self) -> Parsed<String> {
        match self.next() {
            Token::Word(name) => Ok(name),
            _ => self.fail(),
        }
    }

    /// A line end may end a statement, too.
    fn end(&mut self) {
        self.take(";");
    }

    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        let read = if self.depth > DEEPEST { self.fail() } else { read(self) };
        self.depth -= 1;
        read
    }

    fn statement(&mut self, all: &mut Vec<Statement>) -> Parsed<()> {
        self.nested(|parser| parser.one(all))
    }

    fn one(&mut self, all: &mut Vec<Statement>) -> Parsed<()> {
        if self.take(";") {
            return Ok(());
        }
        if matches!(self.peek(), Token::Sign("{")) {
            all.push(Statement::Block(self.block()?));
            return Ok(());
        }
        let line = self.line();
        let word = if let Token::Word(word) = self.peek() { word.clone() } else { String::new() };
        match word.as_str() {
            "var" | "let" | "const" => {
                self.at += 1;
                self.variables(all)?;
                self.end();
            }
            "if" => {
                self.at += 1;
                let condition = self.condition()?;
                let then = self.body()?;
                let otherwise = if self.take_word("else") { self.body()? } else { Vec::new() };
                all.push(Statement::If(condition, then, otherwise));
            }
            "return" => {
                self.at += 1;
                let ends = matches!(self.peek(), Token::Sign(";" | "}")) || self.line() != line;
                let value = if ends { None } else { Some(self.expression()?) };
                self.end();
                all.push(Statement::Return(value, line));
            }
            "function" if matches!(self.tokens.get(self.at + 1), Some((Token::Word(_), _))) => {
                self.at += 1;
                let name = self.name()?;
                let function = self.function()?;
                all.push(Statement::Variable(name, Some(function)));
            }
            "for" => {
                self.at += 1;
                all.push(self.each()?);
            }
            "while" => {
                self.at += 1;
                let condition = self.condition()?;
                all.push(Statement::Loop(None, Some(condition), None, self.body()?));
            }
            "break" | "continue" => {
                self.at += 1;
                self.end();
                all.push(if word == "break" { Statement::Break } else { Statement::Continue });
            }
            "do" | "switch" | "try" | "throw" | "with" | "class" | "import" | "export" | "delete" | "debugger" => {
                return self.fail();
            }
            _ => {
                let expression = self.expression()?;
                self.end();
                all.push(Statement::Expression(expression));
            }
        }
        Ok(())
    }

    fn variables(&mut self, all: &mut Vec<Statement>) -> Parsed<()> {
        loop {
            let name = self.name()?;
            let value = if self.take("=") { Some(self.expression()?) } else { None };
            all.push(Statement::Variable(name, value));
            if !self.take(",") {
                return Ok(());
            }
        }
    }

    fn each(&mut self) -> Parsed<Statement> {
        self.need("(")?;
        let begin = self.at;
        let declared = ["var", "let", "const"].iter().any(|word| self.take_word(word));
        if let Token::Word(name) = self.peek().clone() {
            self.at += 1;
            let values = match self.peek() {
                Token::Word(word) if word == "in" => Some(Each::Places),
                Token::Word(word) if word == "of" => Some(Each::Values),
                _ => None,
            };
            if let Some(values) = values {
                self.at += 1;
                let of = self.expression()?;
                self.need(")")?;
                return Ok(Statement::Each { name, of, values, body: self.body()? });
            }
        }
        self.at = begin;
        let mut start = Vec::new();
        if declared {
            self.at += 1;
            self.variables(&mut start)?;
        } else if !matches!(self.peek(), Token::Sign(";")) {
            start.push(Statement::Expression(self.expression()?));
        }
        self.need(";")?;
        let condition = if matches!(self.peek(), Token::Sign(";")) { None } else { Some(self.expression()?) };
        self.need(";")?;
        let step = if matches!(self.peek(), Token::Sign(")")) { None } else { Some(self.expression()?) };
        self.need(")")?;
        let body = self.body()?;
        // The variables in its head belong to the function, as with `var`.
        let start = match start.len() {
            0 => None,
            1 => start.pop().map(Box::new),
            _ => return self.fail(),
        };
        Ok(Statement::Loop(start, condition, step, body))
    }

    fn condition(&mut self) -> Parsed<Expression> {
        self.need("(")?;
        let condition = self.expression()?;
        self.need(")")?;
        Ok(condition)
    }

    fn body(&mut self) -> Parsed<Vec<Statement>> {
        if matches!(self.peek(), Token::Sign("{")) {
            return self.block();
        }
        let mut one = Vec::new();
        self.statement(&mut one)?;
        Ok(one)
    }

    pub(super) fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.need("{")?;
        let mut all = Vec::new();
        while !self.take("}") {
            if *self.peek() == Token::End {
                return self.fail();
            }
            self.statement(&mut all)?;
        }
        Ok(all)
    }

    /// The parameters and the body.
    pub(super) fn function(&mut self) -> Parsed<Expression> {
        self.need("(")?;
        let mut parameters = Vec::new();
        while !self.take(")") {
            parameters.push(self.name()?);
            self.take(",");
        }
        let body = self.block()?;
        Ok(Expression::Function(Rc::new(Function { parameters, body })))
    }
}
