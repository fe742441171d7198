//! CTR-018: an image that may be another one tomorrow.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// The image was named without a digest and without a version (`latest`, or no tag), and the archive does not tell
    /// which one it was. Then nobody can get the same image again to compare files with.
    "CTR-018", image_latest_or_unpinned, version 1, Isolation, Stable, Info,
    title: "The name of the image does not say which version it is",
    why: "The image by this name may be another one now, so files cannot be compared with it.",
    benign: ["Images that were built on the machine, and many examples, are named so."],
    attack: ["T1525"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

/// Whether a reference may mean another image later.
fn is_unpinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    let is_id = image.len() >= 12 && image.bytes().all(|byte| byte.is_ascii_hexdigit());
    let tag = name.split_once(':').map(|(_, tag)| tag);
    !image.is_empty() && !name.contains('@') && !is_id && tag.is_none_or(|tag| tag == "latest")
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let container = facts.checkpoint().rows().container();
    let Some(image) = container.image else {
        report.not_checked("the archive does not say which image the container was made of");
        return;
    };
    let is_known = container.image_digest.is_some() || container.image_id.is_some();
    if !report.look() || is_known || !is_unpinned(&image) {
        return;
    }
    report.add(
        Finding::new(&RULE, Subject::Container("image"))
            .severity(Severity::Info)
            .confidence(Confidence::High)
            .identity([image.as_str()])
            .sentence(format!("The image {} is named without a version.", shown(image.as_bytes())))
            .next(Next::table("container"))
            .evidence(Evidence::row("container", []).with("image", Some(image.as_str()))),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_or_a_digest_pins_an_image() {
        for image in ["nginx", "nginx:latest", "registry:5000/app", "docker.io/library/redis:latest"] {
            assert!(is_unpinned(image), "{image}");
        }
        for image in ["nginx:1.27", "app@sha256:00", "registry:5000/app:2", "6a25a6337483562d", ""] {
            assert!(!is_unpinned(image), "{image}");
        }
    }
}
