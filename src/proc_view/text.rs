//! Escapes names that would break a line, as the kernel does.

/// Appends bytes, with some of them escaped as a backslash and three octal digits. Source: the kernel's
/// `fs/seq_file.c`, `mangle_path`, and `lib/string_helpers.c`, `ESCAPE_OCTAL`.
pub(super) fn octal(out: &mut Vec<u8>, bytes: &[u8], escaped: &[u8]) {
    for &byte in bytes {
        if escaped.contains(&byte) {
            out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        } else {
            out.push(byte);
        }
    }
}

/// The name of a task, as in `status` and `stat`. Source: the kernel's `fs/proc/array.c`, `proc_task_name`.
pub(super) fn task_name(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_lines() {
        let mut out = Vec::new();
        octal(&mut out, b"/a b\n\\\xff", b" \t\n\\");
        assert_eq!(out, b"/a\\040b\\012\\134\xff");
        assert_eq!(task_name(b"a\nb\\ c"), b"a\\nb\\\\ c");
    }
}
