//! Where a checkpoint lies in what was given: found by what is in it, whatever the files around it are called.

use std::fs;
use std::io::{Cursor, Write};

use cryoscope::{Checkpoint, Error, ErrorKind, Options};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::archives::{Member, Members};
use crate::command::{Ran, run};
use crate::fixtures;

fn podman() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

fn crio() -> Members {
    Members::of(&fixtures::archives_of("crio-logs")[0])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn files(members: &[(&str, Vec<u8>)]) -> Members {
    Members(
        members
            .iter()
            .map(|(name, contents)| Member { name: (*name).to_owned(), contents: contents.clone() })
            .collect(),
    )
}

fn below(folder: &str, members: &Members) -> Members {
    Members(members.0.iter().map(|m| Member { name: format!("{folder}/{}", m.name), ..m.clone() }).collect())
}

fn joined(parts: &[&Members]) -> Members {
    Members(parts.iter().flat_map(|part| part.0.clone()).collect())
}

fn digest(bytes: &[u8]) -> String {
    fixtures::hex(&Sha256::digest(bytes))
}

/// An OCI layout of images, each of some layers.
fn layout(images: &[&[Vec<u8>]]) -> Members {
    let mut blobs = Members::default();
    let mut blob = |bytes: Vec<u8>| {
        let hash = digest(&bytes);
        blobs.set(&format!("blobs/sha256/{hash}"), bytes);
        format!("sha256:{hash}")
    };
    let mut manifests = Vec::new();
    for layers in images {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| json!({"digest": blob(layer.clone()), "mediaType": "application/vnd.oci.image.layer.v1.tar"}))
            .collect();
        manifests.push(json!({"digest": blob(json!({"schemaVersion": 2, "layers": layers}).to_string().into_bytes())}));
    }
    blobs.set("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    blobs.set("index.json", json!({"schemaVersion": 2, "manifests": manifests}).to_string());
    blobs
}

/// Opens an archive as a file, which is mapped, as a stream, compressed, and unpacked: all ways say the same.
fn opened(members: &Members) -> Result<Vec<Checkpoint>, Error> {
    let tar = members.tar();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tar");
    fs::write(&file, &tar).unwrap();
    let unpacked = folder.path().join("d");
    fs::create_dir(&unpacked).unwrap();
    for member in &members.0 {
        let path = unpacked.join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &member.contents).unwrap();
    }
    let mapped = Options::new().open(&file);
    let streamed = Options::new().open_reader(Cursor::new(&tar));
    let others = [mapped, Options::new().open_reader(Cursor::new(gzip(&tar))), Options::new().open(&unpacked)];
    for other in others {
        match (&streamed, &other) {
            (Ok(a), Ok(b)) => assert_eq!(names(a), names(b)),
            (Err(a), Err(b)) => assert_eq!(a.kind().to_string(), b.kind().to_string()),
            (a, b) => panic!("{a:?} {b:?}"),
        }
    }
    streamed
}

/// The sets, each with the name of its container and how many processes it has.
fn names(checkpoints: &[Checkpoint]) -> Vec<(String, String, usize)> {
    let name = |c: &Checkpoint| c.rows().container().name.unwrap_or_default();
    checkpoints.iter().map(|c| (c.set_name().to_string(), name(c), c.rows().processes().count())).collect()
}

fn found(members: &Members) -> Vec<(String, String)> {
    let checkpoints = opened(members).unwrap();
    for checkpoint in &checkpoints {
        checkpoint.read_all();
    }
    names(&checkpoints).into_iter().map(|(set, name, _)| (set, name)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(set, name)| ((*set).to_owned(), (*name).to_owned())).collect()
}

fn codes(checkpoint: &Checkpoint) -> Vec<&'static str> {
    checkpoint.read_all();
    checkpoint.warnings().iter().map(|warning| warning.code.as_str()).collect()
}

#[test]
fn documents_of_somebody_else_hide_nothing() {
    let others = [
        ("manifest.json", r#"{"name": "My web application", "icons": []}"#),
        ("manifest.json", r#"[{"Config": "c.json", "Layers": ["gone.tar"]}]"#),
        ("manifest.json", "[]"),
        ("manifest.json", "not JSON at all"),
        ("index.json", r#"{"manifests": [{"digest": "sha256:0000"}]}"#),
        ("index.json", r#"{"manifests": null}"#),
        ("index.json", "[1, 2, 3]"),
        ("index.json", ""),
    ];
    for (name, text) in others {
        for place in [name.to_owned(), format!("checkpoint/{name}"), format!("srv/www/{name}")] {
            let mut members = podman();
            members.set(&place, text);
            let checkpoints = opened(&members).unwrap();
            assert_eq!(names(&checkpoints), [(String::new(), "tick".to_owned(), 2)], "{place}: {text}");
            assert!(!checkpoints[0].is_partial(), "{place}: {text}: {:?}", checkpoints[0].warnings());
        }
    }
}

#[test]
fn a_layout_beside_a_checkpoint_is_shown_with_it() {
    let image = layout(&[&[crio().tar()]]);
    for (name, image) in [("at the root", image.clone()), ("in a folder", below("zz", &image))] {
        let checkpoints = opened(&joined(&[&podman(), &image])).unwrap();
        let mut containers: Vec<_> = names(&checkpoints).into_iter().map(|(_, name, _)| name).collect();
        containers.sort();
        assert_eq!(containers, ["log-agent", "tick"], "{name}");
        assert!(codes(&checkpoints[0]).contains(&"archive_inner"), "{name}");
    }
    // A layout that says of itself that it is one, and holds nothing, is warned of, and hides nothing.
    let broken =
        files(&[("oci-layout", b"{}".to_vec()), ("index.json", br#"{"manifests":[{"digest":"sha256:ab"}]}"#.to_vec())]);
    let checkpoints = opened(&joined(&[&podman(), &broken])).unwrap();
    assert_eq!(names(&checkpoints)[0].1, "tick");
    assert!(codes(&checkpoints[0]).contains(&"layout_damaged"));
}

#[test]
fn a_layout_alone_reads_like_the_archive_in_it() {
    for layer in [podman().tar(), gzip(&podman().tar())] {
        let image = layout(&[&[layer]]);
        assert_eq!(found(&below("image", &image)), pairs(&[("", "tick")]));
        assert_eq!(found(&image), pairs(&[("", "tick")]));
    }
    let two = opened(&layout(&[&[podman().tar()], &[crio().tar()]])).unwrap();
    let mut containers: Vec<_> = names(&two).into_iter().map(|(_, name, _)| name).collect();
    containers.sort();
    assert_eq!(containers, ["log-agent", "tick"]);
    assert!(two.iter().all(|checkpoint| !checkpoint.is_partial()));
}

#[test]
fn each_image_has_its_own_annotations() {
    let annotated = |members: &Members, version: &str| {
        let mut bare = Members::default();
        for member in members.0.iter().filter(|member| member.name.starts_with("checkpoint/")) {
            bare.set(&member.name, member.contents.clone());
        }
        (bare.tar(), version.to_owned())
    };
    let mut all = Members::default();
    let mut manifests = Vec::new();
    for (layer, version) in [annotated(&podman(), "40101"), annotated(&crio(), "31700")] {
        let hash = digest(&layer);
        all.set(&format!("blobs/sha256/{hash}"), layer);
        let manifest = json!({
            "layers": [{"digest": format!("sha256:{hash}")}],
            "annotations": {"org.criu.checkpoint.criu.version": version},
        });
        let hash = digest(manifest.to_string().as_bytes());
        all.set(&format!("blobs/sha256/{hash}"), manifest.to_string());
        manifests.push(json!({"digest": format!("sha256:{hash}")}));
    }
    all.set("oci-layout", "{}");
    all.set("index.json", json!({"manifests": manifests}).to_string());
    let mut versions: Vec<_> =
        opened(&all).unwrap().iter().map(|c| c.rows().container().criu_version.unwrap_or_default()).collect();
    versions.sort();
    assert_eq!(versions, ["3.17", "4.1.1"]);
}

#[test]
fn incomplete_indexes_are_read_as_far_as_they_go() {
    let layer = gzip(&podman().tar());
    let hash = digest(&layer);
    let manifest =
        json!({"layers": [{"digest": format!("sha256:{hash}"), "mediaType": "application/octet-stream"}]}).to_string();
    let manifest_hash = digest(manifest.as_bytes());
    let blobs = files(&[
        (&format!("blobs/sha256/{hash}"), layer.clone()),
        (&format!("blobs/sha256/{manifest_hash}"), manifest.clone().into_bytes()),
        ("oci-layout", b"{}".to_vec()),
    ]);
    let whole = json!({"digest": format!("sha256:{manifest_hash}")});
    let attestation =
        json!({"layers": [{"digest": format!("sha256:{manifest_hash}"), "mediaType": "application/vnd.in-toto+json"}]})
            .to_string();
    let attestation_hash = digest(attestation.as_bytes());
    let gone = json!({"digest": format!("sha256:{}", "cd".repeat(32)), "platform": {"architecture": "arm64"}});
    let docker = json!([{"Config": "c.json", "Layers": [format!("blobs/sha256/{hash}")]}]).to_string();
    let indexes = [
        ("a platform that is not here", json!({"manifests": [gone, whole]}), None, true),
        (
            "an attestation",
            json!({"manifests": [whole, {"digest": format!("sha256:{attestation_hash}")}]}),
            None,
            false,
        ),
        ("null", json!({"manifests": null}), Some(&docker), false),
        ("nothing", json!({}), Some(&docker), false),
        ("no index that names it", json!({"manifests": []}), None, true),
        ("a digest that is none", json!({"manifests": [{"digest": 7}, {"digest": "x"}, whole]}), None, true),
    ];
    for (what, index, manifest, partial) in indexes {
        let mut members = blobs.clone();
        members.set(&format!("blobs/sha256/{attestation_hash}"), attestation.clone());
        members.set("index.json", index.to_string());
        if let Some(manifest) = manifest {
            members.set("manifest.json", manifest.as_bytes());
        }
        let checkpoints = opened(&members).unwrap_or_else(|error| panic!("{what}: {error}"));
        let container = names(&checkpoints).remove(0).1;
        assert_eq!((checkpoints.len(), container.as_str()), (1, "tick"), "{what}");
        assert_eq!(
            codes(&checkpoints[0]).contains(&"layout_damaged"),
            partial,
            "{what}: {:?}",
            checkpoints[0].warnings()
        );
    }
    // The flat directory of `skopeo copy dir:`: names without folders.
    let flat = files(&[
        ("version", b"Directory Transport Version: 1.1\n".to_vec()),
        (&hash, layer),
        ("manifest.json", manifest.into_bytes()),
    ]);
    assert_eq!(found(&flat), pairs(&[("", "tick")]));
}

#[test]
fn an_image_without_a_checkpoint_says_so() {
    let ordinary = files(&[("etc/passwd", b"root".to_vec()), ("bin/sh", vec![0x7f; 600])]).tar();
    let error = opened(&layout(&[&[ordinary]])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Oci(_)));
    assert!(error.to_string().contains("none of its images holds CRIU data"), "{error}");
    let gone =
        files(&[("oci-layout", b"{}".to_vec()), ("index.json", br#"{"manifests":[{"digest":"sha256:ab"}]}"#.to_vec())]);
    let error = opened(&gone).unwrap_err().to_string();
    assert!(error.contains("blobs/sha256/ab") && error.contains("it is missing"), "{error}");
}

#[test]
fn archives_in_an_archive_are_sets_with_their_paths() {
    let folder = "var/lib/kubelet/checkpoints";
    let inside = files(&[
        (&format!("{folder}/a.tar"), podman().tar()),
        (&format!("{folder}/b.tar.gz"), gzip(&crio().tar())),
        (&format!("{folder}/notes.tar"), files(&[("notes", b"nothing".to_vec())]).tar()),
        (&format!("{folder}/zeros"), vec![0; 4096]),
    ]);
    let expected =
        [(format!("{folder}/a.tar"), "tick".to_owned()), (format!("{folder}/b.tar.gz"), "log-agent".to_owned())];
    assert_eq!(found(&inside), expected);
    // The tar itself in the layer of an image, and an image in an archive.
    assert_eq!(found(&layout(&[&[files(&[("dump.tar", podman().tar())]).tar()]])), pairs(&[("dump.tar", "tick")]));
    assert_eq!(found(&files(&[("i.tar", layout(&[&[podman().tar()]]).tar())])), pairs(&[("i.tar", "tick")]));
    // Both the archive's own and the one in it.
    let both = joined(&[&podman(), &files(&[("more/x.bin", gzip(&crio().tar()))])]);
    assert_eq!(found(&both), pairs(&[("", "tick"), ("more/x.bin", "log-agent")]));
}

#[test]
fn what_the_engine_packed_is_no_checkpoint_of_its_own() {
    let mut members = podman();
    for name in ["rootfs-diff.tar", "volumes/data.tar"] {
        members.set(name, files(&[("dump.tar", crio().tar())]).tar());
    }
    assert_eq!(found(&members), pairs(&[("", "tick")]));
    // The same name where no images are is an archive as any other.
    assert_eq!(found(&files(&[("rootfs-diff.tar", crio().tar())])), pairs(&[("rootfs-diff.tar", "log-agent")]));
}

#[test]
fn an_inner_archive_never_takes_the_place_of_members() {
    // Members that pretend to lie in the archive beside them.
    let decoy = Members(below("x.tar", &crio()).0);
    let both = joined(&[&decoy, &files(&[("x.tar", podman().tar())])]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tar");
    fs::write(&file, both.tar()).unwrap();
    let found = names(&Options::new().open(&file).unwrap());
    let containers: Vec<_> = found.iter().map(|(set, name, _)| (set.as_str(), name.as_str())).collect();
    assert_eq!(containers, [("x.tar-2", "tick"), ("x.tar", "log-agent")]);
}

#[test]
fn hard_links_in_an_inner_archive_lead_to_its_own_members() {
    let mut tar = tar::Builder::new(Vec::new());
    for member in &podman().0 {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.contents.len() as u64);
        let linked = member.name == "checkpoint/pstree.img";
        let name = if linked { "elsewhere" } else { member.name.as_str() };
        tar.append_data(&mut header, name, member.contents.as_slice()).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    tar.append_link(&mut header, "checkpoint/pstree.img", "elsewhere").unwrap();
    let inner = tar.into_inner().unwrap();
    for inner in [gzip(&inner), inner] {
        let outer = files(&[("a/b", inner)]).tar();
        let checkpoints = Options::new().open_reader(Cursor::new(outer)).unwrap();
        assert_eq!(names(&checkpoints), [("a/b".to_owned(), "tick".to_owned(), 2)]);
    }
}

#[test]
fn archives_in_archives_are_bounded() {
    let inside = files(&[("a.tar", podman().tar()), ("b.tar.gz", gzip(&crio().tar()))]).tar();
    let limited = |set: &dyn Fn(&mut cryoscope::Limits)| {
        let mut limits = cryoscope::Limits::default();
        set(&mut limits);
        Options::new().limits(limits).open_reader(Cursor::new(inside.clone()))
    };
    let named = |checkpoints: &[Checkpoint]| {
        checkpoints[0].warnings().iter().filter_map(|w| w.limit).copied().collect::<Vec<_>>()
    };
    let one = limited(&|limits| limits.checkpoints = 1).unwrap();
    assert!(one.len() == 1 && named(&one).contains(&cryoscope::Limits::CHECKPOINTS) && one[0].is_partial());
    let one = limited(&|limits| limits.inner_archives = 1).unwrap();
    assert!(one.len() == 1 && named(&one).contains(&cryoscope::Limits::INNER_ARCHIVES) && one[0].is_partial());
    // The compressed one of them.
    let one = limited(&|limits| limits.nested_bytes = 10 << 10).unwrap();
    assert!(one.len() == 1 && named(&one).contains(&cryoscope::Limits::NESTED_BYTES) && one[0].is_partial());
    // Deeper than anybody packs them: not found, and no recursion without end.
    let mut deep = podman().tar();
    for _ in 0..8 {
        deep = files(&[("x", deep)]).tar();
    }
    assert!(matches!(Options::new().open_reader(Cursor::new(deep)).unwrap_err().kind(), ErrorKind::NotReached { .. }));
}

#[test]
fn a_blob_that_was_changed_is_named() {
    let mut image = layout(&[&[podman().tar()]]);
    assert!(!opened(&image).unwrap()[0].is_partial());
    let name = image.0.iter().max_by_key(|member| member.contents.len()).unwrap().name.clone();
    let mut layer = image.get(&name).to_vec();
    let last = layer.len() - 1;
    layer[last] ^= 1;
    image.set(&name, layer);
    let checkpoints = opened(&image).unwrap();
    assert_eq!(names(&checkpoints)[0].1, "tick");
    let warning = checkpoints[0].warnings().into_iter().find(|w| w.code.as_str() == "blob_digest").unwrap();
    assert_eq!(warning.place.member, name);
}

/// A checkpoint whose images an engine wrote elsewhere.
fn without_images(mut members: Members) -> Members {
    let images: Vec<String> =
        members.0.iter().map(|m| m.name.clone()).filter(|n| n.starts_with("checkpoint/")).collect();
    for name in &images {
        members.remove(name);
    }
    members
}

/// A tar with an empty folder for the images, as engines leave it.
fn with_empty_folder(members: &Members) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    tar.append_data(&mut header, "checkpoint/", std::io::empty()).unwrap();
    for member in &members.0 {
        let mut header = tar::Header::new_gnu();
        header.set_size(member.contents.len() as u64);
        header.set_mtime(1_795_432_612);
        tar.append_data(&mut header, &member.name, member.contents.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn given(tar: &[u8], arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tar");
    fs::write(&file, tar).unwrap();
    run(arguments.iter().map(|argument| argument.replace("{}", &file.to_string_lossy())))
}

#[test]
fn what_the_engine_wrote_is_shown_without_images() {
    let tar = with_empty_folder(&without_images(crio()));
    for tar in [tar.clone(), gzip(&tar)] {
        let shown = given(&tar, &["show", "{}"]);
        assert!(
            shown.code == Some(3) && shown.out.contains("log-agent") && shown.err.contains("images-dir"),
            "{shown:?}"
        );
        let inspected = given(&tar, &["inspect", "--all", "{}"]);
        assert!(inspected.code == Some(3) && inspected.out.contains("log-agent"), "{inspected:?}");
        assert!(!inspected.err.contains("pre-dump"), "{inspected:?}");
        for table in ["container", "rootfs_changes", "log_lines", "isolation", "members", "statistics"] {
            let rows = given(&tar, &["table", "{}", table, "--format", "ndjson"]);
            assert!(rows.code == Some(3) && !rows.out.is_empty(), "{table}: {rows:?}");
        }
    }
    // The tar has the times of the documents, which is all that tells of the moment.
    let of_podman = with_empty_folder(&without_images(podman()));
    let documents = given(&of_podman, &["table", "{}", "container", "--format", "ecs"]);
    assert!(documents.code == Some(3) && documents.out.contains("@timestamp"), "{documents:?}");
    let search = given(&of_podman, &["memparse", "{}", "--search", "tick"]);
    assert!(search.code == Some(3) && search.err.contains("nothing was searched"), "{search:?}");
    assert!(!search.err.contains("no match"), "{search:?}");
    // Documents alone, without a folder of images and without CRIU's log, are those of any container.
    let mut documents = without_images(podman());
    documents.remove("stats-dump");
    assert!(matches!(documents.open_all().unwrap_err().kind(), ErrorKind::NoImages(_)));
}

#[test]
fn one_container_without_images_does_not_vanish_beside_others() {
    let redirected = below("b", &without_images(crio()));
    assert!(redirected.0.iter().any(|member| member.name == "b/dump.log"), "it is known by its log");
    assert_eq!(found(&joined(&[&below("a", &podman()), &redirected])), pairs(&[("a", "tick"), ("b", "log-agent")]));
}

#[test]
fn what_is_left_of_a_dump_beside_a_whole_one_is_noted() {
    let mut left = Members::default();
    left.set("b/files.img", podman().get("checkpoint/files.img"));
    let checkpoints = opened(&joined(&[&below("a", &podman()), &left])).unwrap();
    assert_eq!(names(&checkpoints).len(), 1);
    let note = checkpoints[0].warnings().into_iter().find(|warning| warning.code.as_str() == "image_orphaned").unwrap();
    assert_eq!(note.place.member, "b");
}

#[test]
fn a_dump_that_failed_is_said_to_have_failed() {
    let log = "(00.1) Version: 4.2\n(00.2) Error (criu/files-ext.c:98): Can't dump file 11\n(00.3) Error (criu/cr-dump.c:2053): Dumping FAILED.\n";
    let mut members = without_images(crio());
    members.set("dump.log", log);
    let left = podman();
    for image in ["files.img", "seccomp.img"] {
        members.set(&format!("checkpoint/{image}"), left.get(&format!("checkpoint/{image}")));
    }
    for log_at in ["dump.log", "checkpoint/dump.log"] {
        let mut members = members.clone();
        members.remove("dump.log");
        members.set(log_at, log);
        for tar in [members.tar(), gzip(&members.tar())] {
            let ran = given(&tar, &["inspect", "{}"]);
            assert!(ran.code == Some(3) && ran.out.contains("log-agent"), "{ran:?}");
            assert!(ran.err.contains("Can't dump file 11") && ran.err.contains("Dumping FAILED"), "{ran:?}");
            assert!(!ran.err.contains("pre-dump"), "{ran:?}");
        }
    }
    // With the log and nothing else there is nothing to show, but the reason.
    let ran = given(&files(&[("dump.log", log.as_bytes().to_vec())]).tar(), &["show", "{}"]);
    assert!(ran.code == Some(2) && ran.err.contains("Can't dump file 11"), "{ran:?}");
}

#[test]
fn what_criu_did_not_write_is_named() {
    let gvisor = b"gVisorSF\0\0\0\0\0\0\0\x3c{\"compression\":\"none\"}".to_vec();
    let stream = b"\x0c\0\0\0\x12\x0acgroup.img\x05\0\0\0\x08\x01\x18\xf9\x34".to_vec();
    let crac =
        files(&[("cr/cppath", b"/usr/lib/jvm".to_vec()), ("cr/perfdata", vec![0; 64]), ("cr/score", b"1".to_vec())]);
    let named: [(&str, Vec<u8>, &str); 5] = [
        ("a state file", gvisor.clone(), "gVisor"),
        ("a folder of them", files(&[("checkpoint.img", gvisor), ("pages.img", vec![1; 100])]).tar(), "gVisor"),
        ("a stream", stream, "criu-image-streamer"),
        ("a folder of CRaC", crac.tar(), "CRaC"),
        ("a zip", b"PK\x03\x04\x14\0\0\0".to_vec(), "zip"),
    ];
    for (what, bytes, name) in named {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input");
        for bytes in [bytes.clone(), gzip(&bytes)] {
            fs::write(&file, bytes).unwrap();
            let ran = run([std::ffi::OsStr::new("show"), file.as_os_str()]);
            assert!(
                ran.code == Some(2) && ran.err.contains(name) && !ran.err.contains("redirected"),
                "{what}: {ran:?}"
            );
        }
    }
}

#[test]
fn what_stood_in_the_way_of_the_images_is_named() {
    let many: Vec<(String, Vec<u8>)> = (0..50).map(|i| (format!("f{i}"), Vec::new())).collect();
    let many = Members(many.into_iter().map(|(name, contents)| Member { name, contents }).collect());
    let tar = joined(&[&many, &podman()]).tar();
    let limited = given(&tar, &["show", "{}", "--max-members", "10"]);
    assert!(limited.code == Some(2) && limited.err.contains("--max-members"), "{limited:?}");
    assert!(!limited.err.contains("images-dir"), "{limited:?}");
    let mut random = vec![0_u8; 300_000];
    for (i, byte) in random.iter_mut().enumerate() {
        *byte = (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0];
    }
    let compressed = gzip(&joined(&[&files(&[("first", random)]), &podman()]).tar());
    let cut = given(&compressed[..10_000], &["show", "{}"]);
    assert!(cut.code == Some(2) && cut.err.contains("damaged or truncated"), "{cut:?}");
    assert!(!cut.err.contains("images-dir"), "{cut:?}");
}

#[test]
fn of_two_layers_that_hold_checkpoints_none_hides_the_other() {
    let hashes = [digest(&podman().tar()), digest(&crio().tar())];
    let blobs = files(&[
        (&format!("blobs/sha256/{}", hashes[0]), podman().tar()),
        (&format!("blobs/sha256/{}", hashes[1]), crio().tar()),
    ]);
    let docker = json!([{"Layers": hashes.iter().map(|hash| format!("blobs/sha256/{hash}")).collect::<Vec<_>>()}]);
    let of_kind = |kind: &str| {
        let named = |hash: &String| json!({"digest": format!("sha256:{hash}"), "mediaType": kind});
        let criu = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
        let first = json!({"digest": format!("sha256:{}", hashes[0]), "mediaType": criu});
        json!({"manifests": [first, named(&hashes[1])]}).to_string()
    };
    let with = |name: &str, text: String| {
        let mut members = blobs.clone();
        members.set(name, text);
        members
    };
    let images = [
        ("an image", layout(&[&[podman().tar(), crio().tar()]])),
        ("docker", with("manifest.json", docker.to_string())),
        ("a layer of changes", with("index.json", of_kind("application/vnd.oci.image.layer.v1.tar"))),
    ];
    for (what, image) in images {
        let mut containers: Vec<_> = names(&opened(&image).unwrap()).into_iter().map(|(_, name, _)| name).collect();
        containers.sort();
        // Bare images have no name: containerd's blob has them at its root, and this one is not such.
        assert!(containers.contains(&"log-agent".to_owned()), "{what}: {containers:?}");
        assert_eq!(containers.len(), 2, "{what}: {containers:?}");
    }
}

#[test]
fn layers_of_one_name_do_not_hide_each_other() {
    let names_of = ["a/layer.tar", "b/layer.tar", "c/layer.tar"];
    let mut members = Members::default();
    for (name, layer) in names_of.iter().zip([podman(), crio(), podman()]) {
        members.set(name, layer.tar());
    }
    members.set("manifest.json", json!([{"Layers": names_of}]).to_string());
    let found = names(&opened(&members).unwrap());
    let expected = [("", "tick"), ("layer.tar-2", "tick"), ("layer.tar", "log-agent")];
    assert_eq!(found.iter().map(|(set, name, _)| (set.as_str(), name.as_str())).collect::<Vec<_>>(), expected);
}

#[test]
fn what_lies_too_deep_is_named() {
    let mut deep = podman().tar();
    for _ in 0..5 {
        deep = files(&[("x", deep)]).tar();
    }
    let alone = Options::new().open_reader(Cursor::new(&deep)).unwrap_err().to_string();
    assert!(alone.contains("archives are nested more than") && !alone.contains("redirected"), "{alone}");
    let beside = joined(&[&crio(), &files(&[("more", deep)])]);
    let checkpoints = opened(&beside).unwrap();
    assert!(checkpoints.len() == 1 && checkpoints[0].is_partial(), "{:?}", checkpoints[0].warnings());
}

#[test]
fn compression_in_compression_is_undone_within_an_archive_too() {
    let twice = gzip(&zstd::encode_all(podman().tar().as_slice(), 1).unwrap());
    assert_eq!(found(&files(&[("x.tar.gz", twice.clone())])), pairs(&[("x.tar.gz", "tick")]));
    assert_eq!(found(&layout(&[&[twice]])), pairs(&[("", "tick")]));
    // What is compressed and no archive is none of ours.
    let mut beside = crio();
    beside.set("notes.txt.gz", gzip(b"nothing"));
    assert!(!opened(&beside).unwrap()[0].is_partial());
}

#[test]
fn engines_are_known_by_a_log_among_the_images_too() {
    let mut members = without_images(crio());
    let log = members.get("dump.log").to_vec();
    members.remove("dump.log");
    members.set("checkpoint/dump.log", log);
    assert_eq!(found(&members), pairs(&[("", "log-agent")]));
}

#[test]
fn layers_that_images_share_are_bounded() {
    let many: Vec<(String, Vec<u8>)> = (0..26_000).map(|i| (format!("f{i}"), Vec::new())).collect();
    let many = Members(many.into_iter().map(|(name, contents)| Member { name, contents }).collect()).tar();
    let tick = podman().tar();
    let images: Vec<[Vec<u8>; 2]> = (0..6).map(|i| [many.clone(), files(&[("n", vec![b'x'; i + 1])]).tar()]).collect();
    let mut images: Vec<&[Vec<u8>]> = images.iter().map(<[Vec<u8>; 2]>::as_slice).collect();
    let last = [tick];
    images.push(&last);
    let checkpoints = Options::new().open_reader(Cursor::new(layout(&images).tar())).unwrap();
    assert_eq!(names(&checkpoints)[0].1, "tick");
    assert!(checkpoints[0].archive().members().len() < 1000, "only what holds a checkpoint is kept");
    let said = checkpoints[0].warnings().iter().any(|warning| warning.message.contains("shared by several images"));
    assert!(said, "{:?}", checkpoints[0].warnings());
}

#[test]
fn an_archive_in_an_archive_lists_its_own_members() {
    let both = joined(&[&podman(), &files(&[("more/x.tar", crio().tar())])]);
    let checkpoints = opened(&both).unwrap();
    let listed: Vec<usize> = checkpoints.iter().map(|c| fixtures::rows_of(c, &["members"])["members"].len()).collect();
    assert_eq!(listed, [podman().0.len() + 1, crio().0.len()]);
}
