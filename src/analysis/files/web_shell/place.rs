//! Whether a file that is not named as a script is one: a script begins where the file does, or behind the bytes of a picture.
//! Logs, lists and programs quote scripts in the middle of their lines.

use bstr::ByteSlice;

/// Bytes in which a mark of the format stands.
const FORMAT: usize = 512;

/// Whether a text begins with a script of PHP.
pub(super) fn begins_as_script(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let rest = head.strip_prefix(b"<?");
    rest.is_some_and(|rest| rest.starts_with(b"=") || rest.get(..3).is_some_and(|tag| tag.eq_ignore_ascii_case(b"php")))
}

/// Whether a text with PHP somewhere is a script.
pub(super) fn is_script(text: &[u8]) -> bool {
    const FORMATS: [&[u8]; 9] =
        [b"GIF8", b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"%PDF", b"\0\0\x01\0", b"II*\0", b"MM\0*"];
    let start = text.trim_ascii_start();
    let is_page = start.starts_with(b"<");
    let is_format =
        FORMATS.iter().any(|format| text.starts_with(format)) || text.get(..FORMAT).unwrap_or(text).contains(&0);
    is_page || is_format || start.starts_with(b"#!") || begins_as_script(text)
}

/// Whether a picture has `<?=` with something that a visitor sends right behind it.
pub(super) fn has_short_tag(head: &[u8]) -> bool {
    let tags = head.find_iter(b"<?=").take(64);
    tags.into_iter().any(|at| {
        let rest = head.get(at..at.saturating_add(96).min(head.len())).unwrap_or_default();
        ["$_GET", "$_POST", "$_REQUEST", "$_COOKIE", "$_SERVER"].iter().any(|name| rest.contains_str(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_begin_where_the_file_does_or_behind_a_picture() {
        for text in [
            &b"<?php eval($_POST[1]);"[..],
            b"\xef\xbb\xbf \n<?=`$_GET[0]`?>",
            b"GIF89a<?php eval($_POST[1]);?>",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0<?php x();",
            b"<html><b><?php x(); ?></b>",
            b"#!/usr/bin/php\n<?php x();\n",
        ] {
            assert!(is_script(text), "{text:?}");
        }
        for text in [
            &b"203.0.113.9 - [1] \"POST /a\" body=<?php @eval($_POST['x']);?>\n"[..],
            b"PAYLOADS = ['<?php system($_GET[0]); ?>']\n",
        ] {
            assert!(!is_script(text), "{text:?}");
        }
        assert!(has_short_tag(b"\xff\xd8\0<?=`$_GET[0]`?>") && !has_short_tag(b"<?= $title ?>"));
    }
}
