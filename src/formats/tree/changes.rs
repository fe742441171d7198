//! Section: changes to the root file system.

use super::{Page, number, text};
use crate::formats::{Grid, GridColumn, units};
use crate::tables::RootfsChange;

pub(super) fn write(rows: &[RootfsChange], page: &mut Page) {
    page.section("Changed files");
    let mut grid = Grid::new([
        GridColumn::fixed("").if_any(),
        GridColumn::fixed("MODE"),
        GridColumn::number("UID").spared(2),
        GridColumn::number("BYTES"),
        GridColumn::fixed("MODIFIED (UTC)").spared(1),
        GridColumn::wrapped("NOTE").if_any(),
        GridColumn::path("PATH").in_full(),
    ]);
    let mut marked = false;
    for row in rows.iter().filter(|row| !row.engine_noise) {
        let (is_marked, notes) = notes(row);
        marked |= is_marked;
        grid.push(vec![
            if is_marked { "!" } else { "" }.to_owned(),
            mode(row),
            number(row.uid),
            number(row.size),
            row.mtime.map_or_else(|| "-".to_owned(), units::second),
            notes.join(", "),
            text(Some(&row.path)),
        ]);
    }
    if grid.is_empty() {
        page.text.push_str("  none in the archive\n");
        return;
    }
    page.grid(&grid, 2);
    if marked {
        page.text.push_str("  ! runs with the rights of its owner or group, has capabilities, or is a device\n");
    }
}

/// Type and permissions as printed by `ls -l`: `-rwsr-xr-x`.
fn mode(row: &RootfsChange) -> String {
    let Some(bits) = row.mode.as_deref().and_then(|mode| u32::from_str_radix(mode, 8).ok()) else {
        return "-".to_owned();
    };
    let kind = match row.r#type {
        Some("regular") => '-',
        Some("directory") => 'd',
        Some("symlink") => 'l',
        Some("character") => 'c',
        Some("block") => 'b',
        Some("fifo") => 'p',
        Some("socket") => 's',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letters) in [(6, 0o4000, ['s', 'S']), (3, 0o2000, ['s', 'S']), (0, 0o1000, ['t', 'T'])] {
        let has = |bit: u32| bits >> shift & bit != 0;
        let execute = match (bits & special != 0, has(1)) {
            (true, true) => letters[0],
            (true, false) => letters[1],
            (false, true) => 'x',
            (false, false) => '-',
        };
        text.extend([if has(4) { 'r' } else { '-' }, if has(2) { 'w' } else { '-' }, execute]);
    }
    text
}

/// Properties that the mode does not show at a glance, and whether they deserve a mark.
fn notes(row: &RootfsChange) -> (bool, Vec<String>) {
    let mut notes = Vec::new();
    match row.change {
        "added_or_changed" => {}
        other => notes.push(other.replace('_', " ")),
    }
    let before = notes.len();
    notes.extend((row.setuid == Some(true)).then(|| "setuid".to_owned()));
    notes.extend((row.setgid == Some(true)).then(|| "setgid".to_owned()));
    notes.extend(row.capabilities.as_deref().map(|names| crate::formats::escape(names.as_bytes()).into_owned()));
    if matches!(row.r#type, Some("character" | "block")) {
        notes.push(format!("device {}", row.device.as_deref().unwrap_or("?")));
    }
    let is_marked = notes.len() > before;
    if let Some(kind @ ("fifo" | "socket" | "other")) = row.r#type {
        notes.push(kind.to_owned());
    }
    (is_marked, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(r#type: &'static str, mode: &str) -> RootfsChange {
        RootfsChange {
            path: "/a".into(),
            change: "added_or_changed",
            r#type: Some(r#type),
            size: None,
            mode: Some(mode.to_owned()),
            uid: Some(0),
            gid: Some(0),
            mtime: None,
            link: None,
            device: None,
            setuid: None,
            setgid: None,
            capabilities: None,
            xattrs: None,
            engine_noise: false,
            open_by: crate::tables::Holding::default(),
            member: "rootfs-diff.tar".into(),
            offset: None,
            sha256: None,
        }
    }

    #[test]
    fn modes_are_written_as_ls_writes_them() {
        let of = |kind, bits| mode(&change(kind, bits));
        assert_eq!(of("regular", "4755"), "-rwsr-xr-x");
        assert_eq!(of("regular", "6644"), "-rwSr-Sr--");
        assert_eq!(of("directory", "1777"), "drwxrwxrwt");
        assert_eq!((of("symlink", "0777").as_str(), of("fifo", "0600").as_str()), ("lrwxrwxrwx", "prw-------"));
        assert_eq!(mode(&RootfsChange { mode: None, ..change("regular", "") }), "-");
    }

    #[test]
    fn what_gives_rights_and_what_is_a_device_is_marked() {
        assert_eq!(notes(&change("regular", "0755")), (false, vec![]));
        let setuid = RootfsChange { setuid: Some(true), setgid: Some(true), ..change("regular", "6755") };
        assert_eq!(notes(&setuid), (true, vec!["setuid".to_owned(), "setgid".to_owned()]));
        let capable = RootfsChange { capabilities: Some("cap_net_raw+ep".to_owned()), ..change("regular", "0755") };
        assert_eq!(notes(&capable), (true, vec!["cap_net_raw+ep".to_owned()]));
        let device = RootfsChange { device: Some("8:0".to_owned()), ..change("block", "0660") };
        assert_eq!(notes(&device), (true, vec!["device 8:0".to_owned()]));
        assert_eq!(notes(&change("fifo", "0600")), (false, vec!["fifo".to_owned()]));
        let deleted = RootfsChange { change: "deleted", r#type: None, ..change("regular", "") };
        assert_eq!(notes(&deleted), (false, vec!["deleted".to_owned()]));
    }
}
