//! FS-012: scripts among what visitors upload.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Invocation, Kind, Place, base};
use super::super::{Facts, Report, Severity};
use super::common::{about, described, everywhere, extension, has_part, is_upload, is_web, when};
use crate::model::ids::Pid;

rule! {
    /// Scripts in directories for uploads and pictures of a web site, and names with two extensions of which one is a
    /// script's, such as `photo.php.jpg`. A directory for uploads has no scripts of its own, except the empty `index.php`
    /// that keeps visitors from listing it. A script that a process runs is high. Caches of templates, and directories with a package of their own, do not count.
    "FS-012", web_root_executable_upload, version 1, Files, Incubating, Medium,
    title: "A script is in an upload directory",
    why: "A form that takes any file is the usual way for a web shell to come in.",
    benign: ["A plugin that keeps scripts of its own in the directory for uploads: others of the same name are known."],
    attack: ["T1505.003", "T1036.008"],
    cost: Files,
    tags: ["webshell"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let running: HashMap<BString, Pid> = facts
        .living()
        .filter_map(|process| match process.invocation() {
            Some(Invocation::Script(path)) => Some((path, process.pid())),
            _ => None,
        })
        .collect();
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs);
        if !is_kept || file.file_type != "regular" || file.engine_noise || !is_web(&file.path) {
            continue;
        }
        let is_double = is_double(base(&file.path));
        let is_script = is_script(&extension(&file.path)) && is_upload_of_site(&file.path);
        if !(is_double || is_script) {
            continue;
        }
        if !report.look() {
            return;
        }
        let is_guard = file.size < 64 && base(&file.path).starts_with(b"index.");
        if is_guard || kind == Kind::Nothing || facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        let why = if is_double {
            "has two extensions, and one is that of a script"
        } else {
            "is a script in a directory for uploads"
        };
        let finding = found(facts, file, why, is_double || is_upload(&file.path));
        report.add(match running.get(&file.path) {
            Some(pid) => {
                let sentence = format!("{} Process {pid} runs it.", finding.sentence);
                finding.severity(Severity::High).process(*pid).sentence(sentence)
            }
            None => finding,
        });
    }
}

fn found(facts: &Facts<'_>, file: &ChangedFile, why: &str, is_clear: bool) -> super::super::Finding {
    let severity = if is_clear && file.place == Place::Rootfs { Severity::Medium } else { Severity::Low };
    about(facts, &RULE, file).severity(severity).sentence(format!("{} {why}{}.", described(file), when(facts, file)))
}

fn is_script(extension: &[u8]) -> bool {
    const SCRIPTS: [&str; 12] =
        ["php", "phtml", "phar", "php5", "php7", "jsp", "jspx", "war", "aspx", "cgi", "pl", "sh"];
    SCRIPTS.iter().any(|script| script.as_bytes() == extension)
}

/// Whether a directory is for uploads of a site: themes and modules have directories of pictures with scripts too.
fn is_upload_of_site(path: &[u8]) -> bool {
    has_part(path, &["uploads", "upload", "userfiles", "attachments", "avatars", "photos"])
        && !has_part(
            path,
            &[
                "vendor",
                "plugins",
                "themes",
                "modules",
                "cache",
                "templates_c",
                "includes",
                "lib",
                "src",
                "app",
                "admin",
            ],
        )
}

/// Whether a name has the extension of a script before that of a picture or document, or one behind it.
fn is_double(name: &[u8]) -> bool {
    const SHOWN: [&str; 8] = ["jpg", "jpeg", "png", "gif", "pdf", "txt", "svg", "webp"];
    let lower = name.to_ascii_lowercase();
    let parts: Vec<&[u8]> = lower.split_str(".").collect();
    let [_, .., first, second] = parts.as_slice() else { return false };
    let is_shown = |part: &[u8]| SHOWN.iter().any(|shown| shown.as_bytes() == part);
    let is_page = |part: &[u8]| is_script(part) && part != b"sh" && part != b"pl";
    is_page(first) && is_shown(second) || is_shown(first) && is_page(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_two_extensions() {
        assert!(is_double(b"photo.php.jpg") && is_double(b"a.gif.phtml"));
        assert!(
            !is_double(b"a.min.js") && !is_double(b"photo.jpg") && !is_double(b"php.jpg") && !is_double(b"x.tar.gz")
        );
        assert!(
            is_upload_of_site(b"/var/www/html/uploads/a.php")
                && !is_upload_of_site(b"/var/www/html/plugins/uploads/a.php")
        );
    }
}
