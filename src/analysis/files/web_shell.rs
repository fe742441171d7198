//! FS-011: scripts that run what a visitor of a web site sends.

mod comments;
mod pages;
mod php;
mod place;
mod score;
mod war;
mod words;

use bstr::{BString, ByteSlice};

use self::pages::page;
use self::score::{Language, Score};
use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Kind, Place, base, without_deleted};
use super::super::vocabulary::is_web_server;
use super::super::words::{listed, shown};
use super::super::{Facts, Report, Severity};
use super::common::{TEXT, about, described, everywhere, extension, is_upload, is_web, line, when, with_users};

rule! {
    /// Scripts in directories of web pages, in the directories of web servers, and in places that everyone may write to, with
    /// the marks of a web shell: input of a request, or text of another server, that reaches a function which runs code or
    /// commands, loads a file or writes one of the visitor's choice; decoded text that is run, names of known web shells, a
    /// password in front of it, functions whose names are put together. In PHP the input is followed through variables and
    /// functions, and names that a script puts together are read. Marks are counted; one weak mark is no finding. PHP, JSP,
    /// ASP, `ColdFusion`, server-side includes, templates, Lua (in settings of nginx, too), scripts of CGI, servers in Python,
    /// Ruby and Node, and the pages of packed web applications are read. A script in a directory for uploads, and code in a
    /// file that is not named as such, weigh more. A file that only quotes a script does not count, nor files of packages.
    "FS-011", web_shell, version 2, Files, Stable, High,
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
        let page = page(&file.path);
        let is_packed = extension(&file.path) == b"war" && kind == Kind::Archive("zip");
        let is_hidden_script = || place::begins_as_script(&facts.files().head(file, 64));
        if !is_served && !is_script_name(&file.path) && page.is_none() && !is_packed && !is_hidden_script() {
            continue;
        }
        let head = facts.files().head(file, TEXT);
        // Outside of web folders, only the languages of web pages count: others are ordinary scripts.
        let language = language(&file.path, &head).filter(|language| {
            !matches!(language, Language::Cgi | Language::Node)
                || is_web(&file.path)
                || folders.iter().any(|folder| file.path.starts_with(folder.as_slice()))
        });
        if language.is_none() && page.is_none() && !is_packed {
            if file.size > TEXT {
                report.not_checked("the end of a long file in which no script begins before");
            }
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        if is_packed {
            packed(facts, file, report);
            continue;
        }
        if head.is_empty() {
            report.not_checked("the contents of the file are not in the archive");
        } else if file.size > TEXT {
            report.not_checked("the end of a long text file");
        }
        // What only quotes a script is none.
        let language = language
            .filter(|language| *language != Language::Php || is_script_name(&file.path) || place::is_script(&head));
        let mut score = language.map_or_else(Score::default, |language| score::of(language, &head));
        if let Some(page) = page {
            pages::marks(page, &head, &mut score);
        }
        if score.points > 0 && is_upload(&file.path) {
            score.points = score.points.saturating_add(2);
        }
        let is_of_web = language.is_some_and(|language| !matches!(language, Language::Cgi | Language::Node));
        if score.points > 0 && is_of_web && page.is_none() && !is_script_name(&file.path) {
            score.add(2, "code in a file that is not named as a script", None);
        }
        found(facts, file, &head, &score, scripts, report);
    }
}

/// The worst page of a packed web application.
fn packed(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    /// Largest application that is read.
    const MOST: u64 = 32 << 20;
    if file.size > MOST {
        report.not_checked("a packed web application is large");
    }
    let bytes = facts.files().head(file, MOST);
    let judged = war::pages(&bytes).map(|(name, text)| {
        let mut score = score::of(Language::Jsp, &text);
        pages::marks(pages::Page::Java, &text, &mut score);
        (name, score)
    });
    let Some((name, score)) = judged.max_by_key(|(_, score)| score.points).filter(|(_, score)| score.points >= 5)
    else {
        report.skip();
        return;
    };
    report.add(about(facts, &RULE, file).severity(Severity::High).identity([name.clone()]).sentence(format!(
        "{} has the page {}, which has marks of a web shell: {}{}.",
        described(file),
        shown(&name),
        listed(&score.marks),
        when(facts, file)
    )));
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
    if text.contains_str("<?php") || place::has_short_tag(text) || is_script_name(path) && text.contains_str("<?") {
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
