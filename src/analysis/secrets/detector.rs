//! A detector: which bytes give a secret away, what must hold of it, and how it is shown.

use std::ops::Range;

use super::super::Confidence;

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A token: its public prefix and, if it is long, the last four characters.
    Token,
    /// A password: nothing of it, only how long it is about.
    Password,
    /// A key: nothing of it. What kind of key it is stands beside it.
    Key,
}

/// Bytes that give a secret away. A detector looks only where one of its marks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// These bytes.
    Exact(&'static [u8]),
    /// This text in any case.
    AnyCase(&'static [u8]),
}

impl Mark {
    pub(in crate::analysis) const fn text(text: &'static str) -> Self {
        Mark::Exact(text.as_bytes())
    }

    pub(in crate::analysis) const fn any_case(text: &'static str) -> Self {
        Mark::AnyCase(text.as_bytes())
    }

    pub(in crate::analysis) fn bytes(&self) -> &'static [u8] {
        match self {
            Mark::Exact(bytes) | Mark::AnyCase(bytes) => bytes,
        }
    }
}

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// The secret with what gave it away: a mark, a name, quotes.
    pub(in crate::analysis) span: Range<usize>,
    /// The secret itself.
    pub(in crate::analysis) value: Range<usize>,
    /// Leading bytes of the value that are no secret, such as `ghp_`.
    pub(in crate::analysis) public: usize,
    pub(in crate::analysis) confidence: Confidence,
    /// Whom it belongs to, as far as it says so itself.
    pub(in crate::analysis) principal: Option<String>,
    pub(in crate::analysis) tags: Vec<&'static str>,
    /// The value, where it is written in another way than its bytes: with escapes, in base64, in UTF-16.
    pub(in crate::analysis) read: Option<Vec<u8>>,
    /// Text inside that is encoded once more, to be searched.
    pub(in crate::analysis) inner: Option<Vec<u8>>,
}

impl Match {
    /// A match whose span is the value.
    pub(in crate::analysis) fn of(value: Range<usize>) -> Self {
        Match {
            span: value.clone(),
            value,
            public: 0,
            confidence: Confidence::High,
            principal: None,
            tags: Vec::new(),
            read: None,
            inner: None,
        }
    }

    /// The same with a span that begins earlier or ends later.
    pub(in crate::analysis) fn within(mut self, span: Range<usize>) -> Self {
        self.span = span.start.min(self.value.start)..span.end.max(self.value.end);
        self
    }

    pub(in crate::analysis) fn public(self, public: usize) -> Self {
        Match { public, ..self }
    }

    pub(in crate::analysis) fn sure(self, confidence: Confidence) -> Self {
        Match { confidence, ..self }
    }

    pub(in crate::analysis) fn tag(mut self, tag: &'static str) -> Self {
        self.tags.push(tag);
        self
    }

    pub(in crate::analysis) fn of_whom(self, principal: Option<String>) -> Self {
        Match { principal, ..self }
    }
}

/// A detector.
pub(crate) struct Detector {
    /// Its name: `github-token`.
    pub(in crate::analysis) id: &'static str,
    /// What it finds, in words: `GitHub token`.
    pub(in crate::analysis) title: &'static str,
    /// Who issues such secrets; `None` for passwords and keys that anybody makes.
    pub(in crate::analysis) provider: Option<&'static str>,
    /// What to do with one that was seen.
    pub(in crate::analysis) action: &'static str,
    pub(in crate::analysis) style: Style,
    pub(in crate::analysis) marks: &'static [Mark],
    /// Whether it is also looked for in UTF-16 and in base64.
    pub(in crate::analysis) wrapped: bool,
    /// Looks at a place where a mark begins.
    pub(in crate::analysis) find: fn(&[u8], usize, &mut Vec<Match>),
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Detector").field(&self.id).finish()
    }
}
