//! The words of a text in PHP: variables, names, texts and marks, with the bracket that belongs to each bracket.

use bstr::ByteSlice;
use memchr::memmem::find;

/// Most words of a text that are read.
const MOST: usize = 200_000;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `$name`, without the mark.
    Variable,
    /// A name or a keyword.
    Name,
    /// A text in single quotes.
    Plain,
    /// A text in double quotes, or a heredoc: it may have variables.
    Quoted,
    /// A text in backticks: a command.
    Shell,
    /// A number.
    Number,
    /// A mark such as `(` or `.=`. The end of PHP is `;`.
    Mark,
}

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// What it is.
    pub kind: Kind,
    /// Its text, without quotes.
    pub text: &'t [u8],
    /// Its offset.
    pub at: usize,
    /// Number of the bracket that belongs to this one.
    pub pair: Option<usize>,
}

impl Token<'_> {
    /// Whether it is this mark.
    pub(super) fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark.as_bytes()
    }

    /// Whether it is this name, in any case.
    pub(super) fn is_name(&self, name: &str) -> bool {
        self.kind == Kind::Name && self.text.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Marks of several characters, longest first.
const MARKS: [&str; 28] = [
    "<=>", "===", "!==", "...", "**=", "<<=", ">>=", "??=", "?->", "=>", "==", "!=", "<=", ">=", ".=", "+=", "-=",
    "*=", "|=", "&=", "^=", "->", "::", "&&", "||", "??", "++", "--",
];

/// The words of a text without comments.
pub(super) fn tokens(text: &[u8]) -> Vec<Token<'_>> {
    let mut all: Vec<Token<'_>> = Vec::new();
    let mut at: usize = 0;
    let mut is_code = false;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty() && all.len() < MOST) {
        if !is_code {
            let Some(start) = find(rest, b"<?") else { break };
            let after = rest.get(start.saturating_add(2)..).unwrap_or_default();
            let word = if after.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"php")) {
                5
            } else if after.starts_with(b"=") {
                3
            } else {
                2
            };
            at = at.saturating_add(start).saturating_add(word);
            is_code = true;
            continue;
        }
        if rest.starts_with(b"?>") {
            all.push(Token { kind: Kind::Mark, text: b";", at, pair: None });
            is_code = false;
            at = at.saturating_add(2);
            continue;
        }
        let (kind, from, to, len) = one(rest);
        if let (Some(kind), Some(text)) = (kind, rest.get(from..to)) {
            all.push(Token { kind, text, at, pair: None });
        }
        at = at.saturating_add(len.max(1));
    }
    pair(&mut all);
    all
}

/// The kind of the first word, where its text begins and ends, and its length. No kind for blanks.
fn one(rest: &[u8]) -> (Option<Kind>, usize, usize, usize) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let run = |from: usize, wanted: &dyn Fn(&u8) -> bool| {
        let tail = rest.get(from..).unwrap_or_default();
        from.saturating_add(tail.iter().position(|byte| !wanted(byte)).unwrap_or(tail.len()))
    };
    match rest {
        [b'$', next, ..] if is_word(next) && !next.is_ascii_digit() => {
            let end = run(1, &is_word);
            (Some(Kind::Variable), 1, end, end)
        }
        [quote @ (b'\'' | b'"' | b'`'), ..] => {
            let end = quoted(rest, *quote);
            let kind = match quote {
                b'\'' => Kind::Plain,
                b'"' => Kind::Quoted,
                _ => Kind::Shell,
            };
            (Some(kind), 1, end.saturating_sub(1).max(1), end)
        }
        [b'<', b'<', b'<', ..] => match heredoc(rest) {
            Some((from, to, end)) => (Some(Kind::Quoted), from, to, end),
            None => (Some(Kind::Mark), 0, 1, 1),
        },
        [byte, ..] if byte.is_ascii_digit() => {
            let end = run(0, &|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            (Some(Kind::Number), 0, end, end)
        }
        [byte, ..] if is_word(byte) || *byte == b'\\' => {
            let end = run(0, &|byte| is_word(byte) || *byte == b'\\');
            // A name of the root name space is the same function.
            let from = usize::from(*byte == b'\\');
            (Some(Kind::Name), from, end, end)
        }
        [byte, ..] if byte.is_ascii_whitespace() => (None, 0, 0, run(0, &u8::is_ascii_whitespace)),
        _ => {
            let len = MARKS.iter().find(|mark| rest.starts_with(mark.as_bytes())).map_or(1, |mark| mark.len());
            (Some(Kind::Mark), 0, len, len)
        }
    }
}

/// The length of a text in quotes, with both.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at: usize = 1;
    while let Some(&byte) = rest.get(at) {
        at = at.saturating_add(1);
        if byte == b'\\' {
            at = at.saturating_add(1);
        } else if byte == quote {
            return at;
        }
    }
    rest.len()
}

/// Where the text of a heredoc begins and ends, and its length.
fn heredoc(rest: &[u8]) -> Option<(usize, usize, usize)> {
    let line = rest.find_byte(b'\n')?;
    let name = rest.get(3..line)?.trim_ascii();
    let name = name.trim_with(|c| c == '"' || c == '\'');
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let body = line.saturating_add(1);
    let len = rest.get(body..).filter(|_| is_name).and_then(|rest| find(rest, name))?;
    let end = body.saturating_add(len);
    Some((body, end, end.saturating_add(name.len())))
}

/// Finds the bracket that belongs to each.
fn pair(all: &mut [Token<'_>]) {
    let mut open: Vec<(usize, u8)> = Vec::new();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (number, token) in all.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text {
            [mark @ (b'(' | b'[' | b'{')] => open.push((number, *mark)),
            [mark @ (b')' | b']' | b'}')] => {
                let wanted = match mark {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.last().is_some_and(|(_, mark)| *mark == wanted)
                    && let Some((from, _)) = open.pop()
                {
                    pairs.push((from, number));
                }
            }
            _ => {}
        }
    }
    for (from, to) in pairs {
        for (number, other) in [(from, to), (to, from)] {
            if let Some(token) = all.get_mut(number) {
                token.pair = Some(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_words_and_brackets_belong_to_each_other() {
        let all = tokens(b"x <?php $a=\\eval(\"b\".'c'); ?> y <?=`d $_e`");
        let words: Vec<_> = all.iter().map(|token| (token.kind, token.text.to_str().unwrap())).collect();
        assert_eq!(
            words,
            [
                (Kind::Variable, "a"),
                (Kind::Mark, "="),
                (Kind::Name, "eval"),
                (Kind::Mark, "("),
                (Kind::Quoted, "b"),
                (Kind::Mark, "."),
                (Kind::Plain, "c"),
                (Kind::Mark, ")"),
                (Kind::Mark, ";"),
                (Kind::Mark, ";"),
                (Kind::Shell, "d $_e"),
            ]
        );
        assert_eq!(all[3].pair, Some(7));
        assert_eq!(tokens(b"<?php (").len(), 1);
        assert_eq!(tokens(b"<?php $x = <<<E\n a $b\nE;")[2].text, b" a $b\n");
        assert_eq!(tokens(b"<?php '\\'"), tokens(b"<?php '\\'").as_slice());
    }
}
