//! All rules. Each family lists its own.

use super::{Rule, credentials, files, foreign, ioc, isolation, memory, network, persistence, process, quality};

/// All rules, by family and id.
pub fn all() -> impl Iterator<Item = &'static Rule> + Clone {
    let families: [&[&'static Rule]; 10] = [
        memory::RULES,
        process::RULES,
        network::RULES,
        isolation::RULES,
        files::RULES,
        persistence::RULES,
        credentials::RULES,
        ioc::RULES,
        foreign::RULES,
        quality::RULES,
    ];
    families.into_iter().flatten().copied()
}

/// The rule with an id or a slug.
pub fn find(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id.eq_ignore_ascii_case(name) || rule.slug.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn cards_are_complete_and_ids_are_used_once() {
        let mut seen = HashSet::new();
        for rule in all() {
            assert!(seen.insert(rule.id) && seen.insert(rule.slug), "{} is used twice", rule.id);
            assert!(rule.id.starts_with(rule.family.prefix()), "{}", rule.id);
            // So long that 80 columns show it between the severity and the id.
            assert!(rule.title.chars().count() <= 62 && !rule.title.ends_with('.'), "{}: title", rule.id);
            for sentence in rule.benign.iter().chain([&rule.why]) {
                assert!(sentence.ends_with('.'), "{}: `{sentence}` is no sentence", rule.id);
            }
            assert!(rule.help.trim().len() > 80, "{}: the help says too little", rule.id);
            let is_known = |id: &&str| crate::tables::attack::technique(id).is_some();
            assert!(rule.attack.iter().all(is_known), "{}: {:?}", rule.id, rule.attack);
            assert!(rule.patterns.is_empty() || rule.cost == super::super::Cost::Memory, "{}", rule.id);
            assert!(rule.patterns.iter().all(|pattern| pattern.bytes.len() >= 4), "{}", rule.id);
        }
    }
}
