//! FS-011: scripts that run what a visitor of a web site sends.

mod comments;
mod score;

use bstr::{BString, ByteSlice};

use self::score::{Language, Score};
use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Kind, Place, base, without_deleted};
use super::super::vocabulary::is_web_server;
use super::super::words::listed;
use super::super::{Facts, Report, Severity};
use super::common::{TEXT, about, described, everywhere, extension, is_upload, is_web, line, when, with_users};

rule! {
    /// Scripts in directories of web pages, in the directories of web servers, and in places that everyone may write to, with
    /// the marks of a web shell: input of a request that reaches a function which runs code or commands, decoded text
    /// that is run, names of known web shells, a password in front of it, functions whose names are put together. Marks
    /// are counted; one weak mark is no finding. PHP, JSP and scripts of CGI in Python, Perl and Node are read. A
    /// script in a directory for uploads, and code in a file that is not named as such, weigh more. Files of packages do
    /// not count.
    "FS-011", web_shell, version 1, Files, Stable, High,
    title: "A script runs what a visitor of the web site sends",
    why: "A web shell is the most usual way to stay in a web server: it answers only those who know its name.",
    benign: ["A tool for administrators, or an editor of a content management system, that was deployed on purpose."],
    attack: ["T1505.003"],
    cost: Files,
    tags: ["webshell", "persistence"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    let folders = served(facts);
    let scripts =
        everywhere(facts).filter(|(file, _)| is_script_name(&file.path) && file.place != Place::Deleted).count();
    for (file, kind) in everywhere(facts) {
        if file.place == Place::Deleted
            || file.file_type != "regular"
            || file.engine_noise
            || file.size == 0
            || kind == Kind::Elf
        {
            continue;
        }
        let is_served = is_web(&file.path)
            || is_upload(&file.path)
            || super::super::vocabulary::is_world_writable(&file.path)
            || matches!(file.place, Place::Ghost | Place::Memfd)
            || folders.iter().any(|folder| file.path.starts_with(folder.as_slice()));
        if !is_served && !is_script_name(&file.path) {
            continue;
        }
        let head = facts.files().head(file, TEXT);
        let Some(language) = language(&file.path, &head) else {
            if file.size > TEXT {
                report.not_checked("the end of a long file in which no script begins before");
            }
            continue;
        };
        // Outside of web folders, only the languages of web pages count: others are ordinary scripts.
        if matches!(language, Language::Cgi | Language::Node)
            && !(is_web(&file.path) || folders.iter().any(|folder| file.path.starts_with(folder.as_slice())))
        {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        if head.is_empty() {
            report.not_checked("the contents of the file are not in the archive");
        } else if file.size > TEXT {
            report.not_checked("the end of a long text file");
        }
        let mut score = score::of(language, &head);
        if score.points > 0 && is_upload(&file.path) {
            score.points = score.points.saturating_add(2);
        }
        if score.points > 0 && !matches!(language, Language::Cgi | Language::Node) && !is_script_name(&file.path) {
            score.add(2, "code in a file that is not named as a script", None);
        }
        found(facts, file, &head, &score, scripts, report);
    }
}

fn found(facts: &Facts<'_>, file: &ChangedFile, text: &[u8], score: &Score, scripts: usize, report: &mut Report<'_>) {
    // An application with many scripts has some of the marks somewhere.
    let is_crowd = scripts >= 50 && !is_upload(&file.path);
    let severity = match score.points {
        5.. => Severity::High,
        3 | 4 if is_crowd => Severity::Low,
        3 | 4 => Severity::Medium,
        _ => {
            report.skip();
            return;
        }
    };
    let mut finding = about(facts, &RULE, file).severity(severity);
    if let Some(sha256) = facts.files().sha256(file) {
        finding = finding.identity([sha256]);
    }
    if let Some(at) = score.at.and_then(|at| commands::lines(text).take_while(|line| line.offset <= at).last()) {
        finding = finding.evidence(line(facts, file, at));
    }
    let finding = finding.sentence(format!(
        "{} has marks of a web shell: {}{}.",
        described(file),
        listed(&score.marks),
        when(facts, file)
    ));
    report.add(with_users(facts, finding, &file.path));
}

/// Folders of web servers that run here: their current directories, except the root and homes of all.
fn served(facts: &Facts<'_>) -> Vec<BString> {
    let servers = facts.living().filter(|process| is_web_server(process.program.base()));
    let mut folders: Vec<BString> = servers
        .filter_map(|process| process.row.cwd.as_ref().map(|cwd| without_deleted(cwd).0))
        .filter(|cwd| {
            cwd.len() > 1
                && !matches!(*cwd, b"/root" | b"/etc" | b"/usr" | b"/var" | b"/tmp" | b"/srv" | b"/opt" | b"/home")
        })
        .map(|cwd| bstr::concat([cwd, b"/"]).into())
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders.truncate(32);
    folders
}

/// Whether a name is that of a script which web servers run.
fn is_script_name(path: &[u8]) -> bool {
    const EXTENSIONS: [&str; 14] =
        ["php", "phtml", "php3", "php4", "php5", "php7", "php8", "phar", "pht", "inc", "jsp", "jspx", "jspf", "jsw"];
    let extension = extension(path);
    EXTENSIONS.iter().any(|known| known.as_bytes() == extension)
}

/// The language of a file, by its name and the first of its bytes. Whatever stands before the mark of PHP is sent to the visitor
/// as it is, so the mark may come late: behind blanks, or behind a whole picture.
fn language(path: &[u8], text: &[u8]) -> Option<Language> {
    let extension = extension(path);
    if matches!(extension.as_slice(), b"jsp" | b"jspx" | b"jspf" | b"jsw") {
        return Some(Language::Jsp);
    }
    if is_script_name(path) && text.contains_str("<?") || text.contains_str("<?php") {
        return Some(Language::Php);
    }
    if matches!(extension.as_slice(), b"js" | b"mjs" | b"cjs") && !text.starts_with(b"#!") {
        return (base(path) != b"Gruntfile.js").then_some(Language::Node);
    }
    let is_cgi = matches!(extension.as_slice(), b"cgi" | b"pl" | b"py" | b"rb") || Kind::of(text) == Kind::Script;
    is_cgi.then_some(Language::Cgi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts() {
        assert!(is_script_name(b"/a/b.php") && is_script_name(b"/a/B.PHTML") && is_script_name(b"/a/x.jsp"));
        assert!(!is_script_name(b"/a/b.phps") && !is_script_name(b"/a/php"));
    }

    #[test]
    fn scripts_of_php_may_begin_late() {
        let late = [vec![b' '; 5000], b"<?= 1 ?>".to_vec()].concat();
        assert_eq!(language(b"/a/b.php", &late), Some(Language::Php));
        assert_eq!(language(b"/a/b.jpg", &late), None);
        let late = [vec![0xff; 100_000], b"<?php x();".to_vec()].concat();
        assert_eq!(language(b"/a/b.jpg", &late), Some(Language::Php));
        assert_eq!(language(b"/a/b.inc", b"  mov eax, 1"), None);
    }
}
