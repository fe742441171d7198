//! PHP without its comments: documentation of honest code names the very variables and functions that are looked for.

use std::borrow::Cow;

use memchr::memchr;
use memchr::memmem::find;

/// A text of PHP with blanks in place of its comments, so that offsets stay. What is outside of `<?` and `?>`, in quotes,
/// and in a heredoc is kept: a mark of a comment there is text, and must not hide code.
pub(super) fn without_comments(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(text);
    let mut at = 0;
    let mut is_code = false;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = if is_code {
            match token(rest) {
                Token::Comment(len) => {
                    blank(&mut out, at, len);
                    len
                }
                Token::Text(len) => len,
                Token::End => {
                    is_code = false;
                    2
                }
            }
        } else {
            is_code = true;
            find(rest, b"<?").map_or(rest.len(), |start| start.saturating_add(2))
        };
        at = at.saturating_add(step.max(1));
    }
    out
}

/// What a piece of code begins with, and its length.
enum Token {
    Comment(usize),
    Text(usize),
    End,
}

fn token(rest: &[u8]) -> Token {
    let to_end = |start: usize, end: &[u8]| {
        let after = rest.get(start..).and_then(|rest| find(rest, end));
        after.map_or(rest.len(), |at| at.saturating_add(start).saturating_add(end.len()))
    };
    match rest {
        [b'?', b'>', ..] => Token::End,
        // A comment without an end is none.
        [b'/', b'*', ..] => match rest.get(2..).and_then(|rest| find(rest, b"*/")) {
            Some(at) => Token::Comment(at.saturating_add(4)),
            None => Token::Text(2),
        },
        [b'#', b'[', ..] => Token::Text(2),
        [b'#', ..] | [b'/', b'/', ..] => {
            let line = memchr(b'\n', rest).unwrap_or(rest.len());
            Token::Comment(find(rest.get(..line).unwrap_or(rest), b"?>").unwrap_or(line))
        }
        [b'<', b'<', b'<', ..] => Token::Text(heredoc(rest).map_or(3, |end| to_end(end.0, &end.1))),
        [quote @ (b'"' | b'\'' | b'`'), ..] => Token::Text(quoted(rest, *quote)),
        _ => {
            // To the next byte that may begin something.
            let is_special = |byte: &u8| matches!(byte, b'?' | b'/' | b'#' | b'<' | b'"' | b'\'' | b'`');
            let next = rest.iter().skip(1).position(is_special).map_or(rest.len(), |at| at.saturating_add(1));
            Token::Text(next)
        }
    }
}

/// The length of a text in quotes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at: usize = 1;
    while let Some(&byte) = rest.get(at) {
        at = at.saturating_add(1);
        match byte {
            b'\\' => at = at.saturating_add(1),
            _ if byte == quote => return at,
            _ => {}
        }
    }
    rest.len()
}

/// Where the text of a heredoc begins, and what ends it.
fn heredoc(rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    let line = memchr(b'\n', rest)?;
    let name = rest.get(3..line)?.trim_ascii();
    let name = name.strip_prefix(b"\"").or_else(|| name.strip_prefix(b"'")).unwrap_or(name);
    let name = name.strip_suffix(b"\"").or_else(|| name.strip_suffix(b"'")).unwrap_or(name);
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    // The last line may be indented: its name alone ends the text, at worst too early.
    is_name.then(|| (line, name.to_vec()))
}

fn blank(out: &mut Cow<'_, [u8]>, at: usize, len: usize) {
    for byte in out.to_mut().get_mut(at..at.saturating_add(len)).unwrap_or_default() {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks_and_code_stays() {
        let same = |text: &str| assert_eq!(without_comments(text.as_bytes()), text.as_bytes(), "{text}");
        let becomes =
            |text: &str, other: &str| assert_eq!(without_comments(text.as_bytes()), other.as_bytes(), "{text}");
        becomes("<?php /* `$_GET` */ a(); // b\nc(); # d ?>e", "<?php               a();     \nc();     ?>e");
        becomes("<?php\n#[Attribute]\n// x", "<?php\n#[Attribute]\n    ");
        same("/* <?php system($_GET[0]); ?> */");
        same("<a href=http://x/><?php system($_GET[0]);");
        same("<?php $a = '/*'; system($_GET[0]); $b = \"*/\";");
        same("<?php $a = <<<X\n it's\nX; system($_GET[0]);");
        same("<?php /* system($_GET[0]);");
        same("<?php 'it\\'s'; `ls`; 1 / 2;");
        same("");
    }
}
