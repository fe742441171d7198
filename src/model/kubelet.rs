//! The name that the kubelet gives a checkpoint: `checkpoint-<pod>_<namespace>-<container>-<time>.tar`.
//!
//! Namespace and container may both contain dashes, so one boundary is known only with the other. Facts from the
//! archive itself take precedence.

use jiff::Timestamp;

use super::engine::Facts;

/// The facts in an archive's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveName {
    /// The pod.
    pub pod: String,
    /// Namespace and container, joined by a dash.
    pub namespace_and_container: String,
    /// When the checkpoint was requested.
    pub time: Timestamp,
}

impl ArchiveName {
    /// Parses a file name; `None` if the kubelet did not choose it.
    pub fn parse(file_name: &str) -> Option<Self> {
        let rest = file_name.strip_prefix("checkpoint-")?;
        let rest = rest.get(..rest.find(".tar").unwrap_or(rest.len()))?;
        // Namespaces do not contain underscores.
        let (pod, rest) = rest.rsplit_once('_')?;
        // The time has a fixed form: a ten-digit date, T, an eight-digit time, and a zone of one or six characters.
        let zone = if rest.ends_with('Z') { 1 } else { 6 };
        let at = rest.len().checked_sub(19_usize.checked_add(zone)?)?;
        let (names, time) = rest.split_at_checked(at)?;
        let names = names.strip_suffix('-').filter(|names| names.contains('-'))?;
        let time = time.parse().ok()?;
        let known = !pod.is_empty();
        known.then(|| ArchiveName { pod: pod.to_owned(), namespace_and_container: names.to_owned(), time })
    }

    /// Fills in facts that the archive itself does not have.
    pub(super) fn fill(&self, facts: &mut Facts) {
        if facts.pod.is_none() {
            facts.pod = Some(self.pod.clone());
        }
        let names = self.namespace_and_container.as_str();
        match (&facts.namespace, &facts.name) {
            (None, Some(name)) => {
                let namespace = names.strip_suffix(name.as_str()).and_then(|rest| rest.strip_suffix('-'));
                facts.namespace = namespace.filter(|namespace| !namespace.is_empty()).map(str::to_owned);
            }
            (Some(namespace), None) => {
                let name = names.strip_prefix(namespace.as_str()).and_then(|rest| rest.strip_prefix('-'));
                facts.name = name.filter(|name| !name.is_empty()).map(str::to_owned);
            }
            // A single dash must be the boundary.
            (None, None) => {
                if let Some((namespace, name)) = names.split_once('-').filter(|(_, name)| !name.contains('-')) {
                    facts.namespace = Some(namespace.to_owned());
                    facts.name = Some(name.to_owned());
                }
            }
            (Some(_), Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Option<(String, String, String)> {
        ArchiveName::parse(name).map(|n| (n.pod, n.namespace_and_container, n.time.to_string()))
    }

    #[test]
    fn names_of_the_kubelet() {
        let expected = ("web-0".to_owned(), "shop-front-tick".to_owned(), "2026-11-23T11:16:51Z".to_owned());
        assert_eq!(parse("checkpoint-web-0_shop-front-tick-2026-11-23T11:16:51Z.tar").unwrap(), expected);
        assert_eq!(parse("checkpoint-web-0_shop-front-tick-2026-11-23T12:16:51+01:00.tar").unwrap(), expected);
        assert_eq!(parse("checkpoint-web-0_shop-front-tick-2026-11-23T11:16:51Z.tar.gz").unwrap(), expected);
        for name in [
            "checkpoint.tar",
            "checkpoint-web-0.tar",
            "checkpoint-a_b-c-yesterday.tar",
            "checkpoint-_-2026-11-23T11:16:51Z",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_archive_says_where_the_namespace_ends() {
        let name = ArchiveName::parse("checkpoint-web-0_shop-front-tick-2026-11-23T11:16:51Z.tar").unwrap();
        let mut facts = Facts { name: Some("tick".to_owned()), ..Facts::default() };
        name.fill(&mut facts);
        assert_eq!((facts.pod.as_deref(), facts.namespace.as_deref()), (Some("web-0"), Some("shop-front")));
        let mut facts = Facts::default();
        name.fill(&mut facts);
        assert_eq!(
            (facts.pod.as_deref(), facts.namespace, facts.name),
            (Some("web-0"), None, None),
            "it could be either"
        );
    }
}
