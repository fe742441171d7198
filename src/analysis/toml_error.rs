//! Says in one line where a TOML file is wrong.

/// The line and column of an error, and what is wrong there.
pub(super) fn told(error: &toml::de::Error, text: &str) -> String {
    // A message may have several lines; the first says what is wrong.
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return what };
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    format!("line {line}, column {column}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_on_one_line() {
        let text = "a = 1\nroot:x:0\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let told = told(&error, text);
        assert!(told.starts_with("line 2, column ") && !told.contains('\n'), "{told}");
    }
}
