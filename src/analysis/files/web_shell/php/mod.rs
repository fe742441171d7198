//! What a script in PHP does with what a visitor sends: a walk through it tells which variables have it, and which functions
//! get it.

mod calls;
mod carries;
mod token;
mod value;

use std::collections::HashMap;

use bstr::ByteSlice;

use self::carries::{PARAMETER, PARAMETERS, REQUEST};
use self::token::{Kind, Token, tokens};

/// What an expression has, a bit each.
type Mask = u32;

/// Most variables of a function that are kept.
const VARIABLES: usize = 512;
/// Most words of an expression that are looked at.
const EXPRESSION: usize = 2048;
/// Most keys of a variable that are told apart.
const KEYS: usize = 32;
/// How deep functions stand in others.
const DEEPEST: usize = 24;

/// Something that a script does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How much it weighs.
    pub points: u32,
    /// What it is.
    pub words: &'static str,
    /// Its offset.
    pub at: usize,
}

/// What a variable has, and how deep in brackets it was given.
#[derive(Clone, Debug, Default)]
struct Variable {
    mask: Mask,
    /// What values behind known keys have.
    inner: HashMap<Vec<u8>, Mask>,
    depth: usize,
    text: Option<Vec<u8>>,
    /// Whether the text was put together.
    is_built: bool,
}

/// A function, and where it ends.
#[derive(Debug)]
struct Scope {
    name: Vec<u8>,
    end: usize,
    variables: HashMap<Vec<u8>, Variable>,
    /// What variables have that the script does not set itself.
    all: Mask,
}

/// What is known about a script.
#[derive(Debug)]
struct Flow<'t> {
    tokens: Vec<Token<'t>>,
    scopes: Vec<Scope>,
    /// Functions by name, with the parameters that reach a function which runs code or commands.
    sinks: HashMap<Vec<u8>, Mask>,
    /// Functions by name, with the parameters that their results have.
    passes: HashMap<Vec<u8>, Mask>,
    /// Whether a program was told which library to load.
    preloads: bool,
    /// Whether a function is called by what describes it.
    reflects: bool,
    found: Vec<Found>,
}

/// What a script without comments does.
pub(super) fn found(text: &[u8]) -> Vec<Found> {
    let mut flow = Flow {
        tokens: tokens(text),
        scopes: Vec::new(),
        sinks: HashMap::new(),
        passes: HashMap::new(),
        preloads: false,
        reflects: false,
        found: Vec::new(),
    };
    // Functions may be called before they are written: the first walk learns them.
    flow.walk();
    flow.found.clear();
    (flow.preloads, flow.reflects) = (false, false);
    flow.walk();
    flow.found
}

impl<'t> Flow<'t> {
    fn token(&self, at: usize) -> Option<Token<'t>> {
        self.tokens.get(at).copied()
    }

    /// The places of marks outside of inner brackets.
    fn marks<'a>(&'a self, from: usize, to: usize, marks: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
        let mut at = from;
        let to = to.min(from.saturating_add(EXPRESSION)).min(self.tokens.len());
        std::iter::from_fn(move || {
            while at < to {
                let here = at;
                let token = self.token(here)?;
                at = token.pair.filter(|pair| *pair > here).unwrap_or(here).saturating_add(1);
                if marks.iter().any(|mark| token.is(mark)) {
                    return Some(here);
                }
            }
            None
        })
    }

    /// The words of an expression.
    fn words(&self, from: usize, to: usize) -> &[Token<'t>] {
        self.tokens.get(from..to.min(from.saturating_add(EXPRESSION))).unwrap_or_default()
    }

    fn mark(&self, from: usize, to: usize, marks: &[&str]) -> Option<usize> {
        self.marks(from, to, marks).next()
    }

    /// The parts of an expression between marks.
    fn split(&self, from: usize, to: usize, marks: &[&str]) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let mut start = from;
        for at in self.marks(from, to, marks).take(256) {
            parts.push((start, at));
            start = at.saturating_add(1);
        }
        parts.push((start, to));
        parts.retain(|(from, to)| from < to);
        parts
    }

    /// Where an expression ends.
    fn end(&self, from: usize) -> usize {
        let most = from.saturating_add(EXPRESSION).min(self.tokens.len());
        let mut at = from;
        while let Some(token) = self.token(at).filter(|_| at < most) {
            match token.pair {
                Some(pair) if pair > at => at = pair,
                Some(_) => return at,
                None if [";", ",", ")", "]", "}"].iter().any(|mark| token.is(mark)) => return at,
                None => {}
            }
            at = at.saturating_add(1);
        }
        most
    }

    /// The text with which an expression begins, as far as it is known.
    fn beginning(&self, from: usize, to: usize) -> Option<Vec<u8>> {
        let (start, end) = *self.split(from, to, &["."]).first()?;
        self.value(start, end, 0).or_else(|| {
            let text = self.token(start).filter(|token| token.kind == Kind::Quoted)?.text;
            Some(value::unescaped(text.split_str("$").next()?, true))
        })
    }

    fn constant(&self, name: &[u8]) -> Option<&[u8]> {
        self.scopes.last()?.variables.get(name)?.text.as_deref()
    }

    /// Whether a variable has a text that was put together.
    fn is_built(&self, name: &[u8]) -> bool {
        self.scopes.last().and_then(|scope| scope.variables.get(name)).is_some_and(|variable| variable.is_built)
    }

    fn taint(&self, name: &[u8]) -> Mask {
        let Some(scope) = self.scopes.last() else { return 0 };
        scope.variables.get(name).map_or(scope.all, |variable| variable.mask)
    }

    /// What a variable has, and the values behind all of its keys.
    fn taint_of_any(&self, name: &[u8]) -> Mask {
        let Some(scope) = self.scopes.last() else { return 0 };
        let all = |variable: &Variable| variable.inner.values().fold(variable.mask, |mask, inner| mask | inner);
        scope.variables.get(name).map_or(scope.all, all)
    }

    /// What a value behind a known key has.
    fn taint_of_key(&self, name: &[u8], key: &[u8]) -> Mask {
        let Some(scope) = self.scopes.last() else { return 0 };
        let inner = |variable: &Variable| variable.mask | variable.inner.get(key).copied().unwrap_or_default();
        scope.variables.get(name).map_or(scope.all, inner)
    }

    /// What a function passes on, by its name in lower case.
    fn passes(&self, name: &[u8]) -> Option<Mask> {
        self.passes.get(name).copied()
    }

    /// Parameters of a function that reach one which runs code.
    fn sink(&self, name: &[u8]) -> Mask {
        self.sinks.get(name).copied().unwrap_or_default()
    }

    /// Notes that parameters of the function here reach one which runs code.
    fn reaches(&mut self, mask: Mask) {
        let Some(scope) = self.scopes.last().filter(|scope| !scope.name.is_empty()) else { return };
        if mask & PARAMETERS != 0 && self.sinks.len() < VARIABLES {
            let sink = self.sinks.entry(scope.name.clone()).or_default();
            *sink |= mask & PARAMETERS;
        }
    }

    fn add(&mut self, points: u32, words: &'static str, token: usize) {
        let at = self.token(token).map_or(0, |token| token.at);
        if self.found.len() < VARIABLES {
            self.found.push(Found { points, words, at });
        }
    }

    /// Gives a variable what an expression has, besides what it has.
    fn give(&mut self, name: &[u8], mask: Mask) {
        if let Some(scope) = self.scopes.last_mut()
            && (scope.variables.len() < VARIABLES || scope.variables.contains_key(name))
        {
            let variable = scope.variables.entry(name.to_vec()).or_default();
            variable.mask |= mask;
        }
    }

    /// Gives all variables that are not set what an expression has.
    fn give_all(&mut self, mask: Mask) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.all |= mask;
        }
    }

    /// `$name->property` as the name of a variable, and where it ends.
    fn property(&self, from: usize) -> Option<(Vec<u8>, usize)> {
        let first = self.token(from).filter(|token| token.kind == Kind::Variable)?;
        self.token(from.saturating_add(1)).filter(|token| token.is("->") || token.is("?->"))?;
        let name = self.token(from.saturating_add(2)).filter(|token| token.kind == Kind::Name)?;
        let end = from.saturating_add(3);
        let is_method = self.token(end).is_some_and(|token| token.is("("));
        (!is_method).then(|| (bstr::concat([first.text, b"->", name.text]), end))
    }

    fn walk(&mut self) {
        self.scopes = vec![Scope { name: Vec::new(), end: usize::MAX, variables: HashMap::new(), all: 0 }];
        let mut depth: usize = 0;
        for at in 0..self.tokens.len() {
            while self.scopes.last().is_some_and(|scope| scope.end <= at) && self.scopes.len() > 1 {
                self.scopes.pop();
            }
            let Some(token) = self.token(at) else { break };
            match token.kind {
                Kind::Mark if token.is("{") => depth = depth.saturating_add(1),
                Kind::Mark if token.is("}") => depth = depth.saturating_sub(1),
                Kind::Mark if token.is("(") => calls::at(self, at),
                Kind::Mark if ["=", ".=", "??=", "^="].iter().any(|mark| token.is(mark)) => self.assign(at, depth),
                Kind::Shell => calls::shell(self, at),
                Kind::Name if token.is_name("function") || token.is_name("fn") => self.function(at),
                Kind::Name if token.is_name("foreach") => self.each(at),
                Kind::Name if token.is_name("return") => self.returns(at),
                Kind::Name => calls::statement(self, at),
                _ => {}
            }
        }
    }

    fn assign(&mut self, at: usize, depth: usize) {
        let Some(operator) = self.token(at) else { return };
        let from = at.saturating_add(1);
        let to = self.end(from);
        // The variable stands before the operator, perhaps with keys behind it.
        let mut target = at.saturating_sub(1);
        let mut has_key = false;
        let mut key = None;
        while let Some(start) = self.token(target).and_then(|token| token.pair).filter(|start| *start < target) {
            let Some(open) = self.token(start) else { return };
            if start == 0
                || open.is("(") && !self.token(start.saturating_sub(1)).is_some_and(|name| name.is_name("list"))
            {
                return;
            }
            let before = self.token(start.saturating_sub(1));
            let is_list = open.is("(")
                || open.is("[")
                    && !before
                        .is_some_and(|token| token.kind == Kind::Variable || token.is("]") || token.kind == Kind::Name);
            if is_list {
                let mask = self.carries(from, to, 0);
                let names: Vec<Token<'t>> = (start..target).take(64).filter_map(|at| self.token(at)).collect();
                for name in names.iter().filter(|name| name.kind == Kind::Variable && mask != 0) {
                    self.give(name.text, mask);
                }
                return;
            }
            has_key = true;
            key = self.key(start, target.saturating_add(1), 0);
            target = start.saturating_sub(1);
        }
        let Some(name) = self.token(target) else { return };
        let start = target.saturating_sub(2);
        let name = match name.kind {
            Kind::Variable
                if target == 0
                    || !self.token(target.saturating_sub(1)).is_some_and(|token| token.is("$") || token.is("::")) =>
            {
                name.text.to_vec()
            }
            Kind::Name => match self.property(start) {
                Some((name, end)) if end == target.saturating_add(1) => name,
                _ => return,
            },
            _ => return,
        };
        let mask = self.carries(from, to, 0);
        let text = if has_key { None } else { self.value(from, to, 0) };
        let is_plain = to == from.saturating_add(1);
        let is_added = has_key || !operator.is("=");
        let Some(scope) = self.scopes.last_mut() else { return };
        if scope.variables.len() >= VARIABLES && !scope.variables.contains_key(&name) {
            return;
        }
        let old = scope.variables.entry(name).or_default();
        if is_added {
            match key.filter(|_| old.inner.len() < KEYS) {
                Some(key) => *old.inner.entry(key).or_default() |= mask,
                None => old.mask |= mask,
            }
            old.text = match (old.text.take(), text) {
                (Some(mut all), Some(text)) if operator.is(".=") => {
                    all.extend_from_slice(&text);
                    all.truncate(EXPRESSION);
                    Some(all)
                }
                _ => None,
            };
            old.is_built = true;
        } else if mask != 0 || depth <= old.depth {
            // A branch that gives it something else leaves what it has.
            *old = Variable { mask, inner: HashMap::new(), depth, text, is_built: !is_plain };
        }
    }

    fn each(&mut self, at: usize) {
        let open = at.saturating_add(1);
        let Some(end) = self.token(open).filter(|token| token.is("(")).and_then(|token| token.pair) else { return };
        let inside = open.saturating_add(1);
        let list = (inside..end).take(EXPRESSION).find(|at| self.token(*at).is_some_and(|token| token.is_name("as")));
        let Some(list) = list else { return };
        let all = self.token(inside).filter(|token| token.kind == Kind::Variable && list == inside.saturating_add(1));
        let mask = self.carries(inside, list, 0) | all.map_or(0, |token| self.taint_of_any(token.text));
        let names: Vec<Token<'t>> = (list..end).take(16).filter_map(|at| self.token(at)).collect();
        for name in names.iter().filter(|name| name.kind == Kind::Variable && mask != 0) {
            self.give(name.text, mask);
        }
    }

    fn returns(&mut self, at: usize) {
        let from = at.saturating_add(1);
        let mask = self.carries(from, self.end(from), 0);
        let Some(scope) = self.scopes.last().filter(|scope| !scope.name.is_empty()) else { return };
        if mask & PARAMETERS != 0 && self.passes.len() < VARIABLES {
            let name = scope.name.clone();
            let passed = self.passes.entry(name).or_default();
            *passed |= mask & PARAMETERS;
        }
    }

    /// A function begins: its parameters are its variables.
    fn function(&mut self, at: usize) {
        if self.scopes.len() > DEEPEST {
            return;
        }
        let Some(open) = (at..at.saturating_add(4)).find(|at| self.token(*at).is_some_and(|token| token.is("(")))
        else {
            return;
        };
        let Some(close) = self.token(open).and_then(|token| token.pair) else { return };
        let name = self.token(open.saturating_sub(1)).filter(|token| token.kind == Kind::Name);
        let name = name.filter(|name| !name.is_name("function") && !name.is_name("fn"));
        let is_closure = name.is_none();
        let variable = || {
            self.token(at.wrapping_sub(1)).filter(|token| token.is("="))?;
            self.token(at.wrapping_sub(2)).filter(|token| token.kind == Kind::Variable)
        };
        let name = match name {
            Some(name) => name.text.to_ascii_lowercase(),
            None => variable().map_or_else(Vec::new, |variable| bstr::concat([&b"$"[..], variable.text])),
        };
        let end = if self.token(at).is_some_and(|token| token.is_name("fn")) {
            self.end(close.saturating_add(1))
        } else {
            let most = close.saturating_add(32);
            let body = (close..most).find(|at| self.token(*at).is_some_and(|token| token.is("{") || token.is(";")));
            match body.and_then(|at| self.token(at)).and_then(|token| token.pair) {
                Some(end) => end,
                None => return,
            }
        };
        let mut variables = HashMap::new();
        if is_closure && let Some(scope) = self.scopes.last().filter(|scope| scope.variables.len() < 64) {
            variables.clone_from(&scope.variables);
        }
        for (number, (from, to)) in self.split(open.saturating_add(1), close, &[","]).into_iter().enumerate().take(16) {
            let parameter =
                (from..to).take(8).filter_map(|at| self.token(at)).find(|token| token.kind == Kind::Variable);
            if let Some(parameter) = parameter {
                let mask = PARAMETER << number;
                variables.insert(parameter.text.to_vec(), Variable { mask, ..Variable::default() });
            }
        }
        self.scopes.push(Scope { name, end, variables, all: 0 });
    }
}

/// Whether a mask has what a visitor sends.
fn is_request(mask: Mask) -> bool {
    mask & REQUEST != 0
}
