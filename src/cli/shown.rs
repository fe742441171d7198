//! Text of the user as messages repeat it.

/// Characters of a text that a message repeats.
const SHOWN: usize = 100;

/// A text in quotation marks. Of a long one, only the beginning. Control characters are escaped with the whole message.
pub(crate) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN).collect();
    let rest = if chars.next().is_some() { "…" } else { "" };
    format!("\"{head}\"{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_long_text_is_shown() {
        assert_eq!(shown(r"\w+"), r#""\w+""#, "an expression is shown as it was written");
        assert_eq!(shown(&"x".repeat(1000)), format!("\"{}\"…", "x".repeat(SHOWN)));
    }
}
