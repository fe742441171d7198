//! Table `container`: one row.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::Lsmtype;
use crate::model::container::NoTime;
use crate::model::engine::Engine;
use bstr::BString;

table! {
    "container", key(), brief(name, image, engine, runtime, created, checkpointed, hostname, pod, namespace),
    event(Event::state(&["host"], "container-state").about(Subject::Device).under("container"));
    /// The container, as its engine recorded it and as the images show it: one row.
    pub struct Container {
        /// The container's name; in Kubernetes its name in the pod.
        #[to(ecs("container.name"), ocsf("container.name"), timesketch("container_name"))]
        pub name: Option<String>,
        /// Full id.
        #[to(ecs("container.id"), ocsf("container.uid"), timesketch("container_id"))]
        pub id: Option<String>,
        /// Name of the image, as the engine recorded it.
        #[to(ecs("container.image.name").form(Form::Image), ocsf("container.image.name"), timesketch("image"))]
        pub image: Option<String>,
        /// Id of the image.
        #[to(ocsf("container.image.uid"))]
        pub image_id: Option<String>,
        /// Digest of the image in its registry.
        #[to(ecs("container.image.hash.all").form(Form::Digest))]
        pub image_digest: Option<String>,
        /// `Podman`, `CRI-O`, `containerd` or `Docker`; null for a bare set of images.
        #[to(ecs("container.runtime").form(Form::Lower), ocsf("container.runtime").form(Form::Lower))]
        pub engine: Option<&'static str>,
        /// The runtime, as recorded: `runc`, `crun`, `io.containerd.runc.v2`.
        pub runtime: Option<String>,
        /// Version of the runtime.
        pub runtime_version: Option<String>,
        /// Version of the engine.
        pub engine_version: Option<String>,
        /// Version of CRIU.
        pub criu_version: Option<String>,
        /// When the container was created.
        #[to(moment("Container Created"))]
        pub created: Option<Timestamp>,
        /// When its first process started.
        #[to(moment("Container Started"))]
        pub started: Option<Timestamp>,
        /// Whether it had been restored from a checkpoint itself; null if the engine does not say.
        pub restored: Option<bool>,
        /// When it was restored; null if it was not, or if the engine does not say.
        #[to(moment("Container Restored"))]
        pub restored_at: Option<Timestamp>,
        /// The moment of the dump.
        #[to(moment("Checkpoint Created"))]
        pub checkpointed: Option<Timestamp>,
        /// Where `checkpointed` is known from: `config.dump`, `inventory` and `members` (modification times as a tar has them),
        /// `file name` (the kubelet's). If it is null, why: `copied` (there is nothing but the times of files in a folder,
        /// which may be those of a copy), `not recorded`.
        pub checkpointed_from: Option<&'static str>,
        /// Host name, from the UTS namespace, else from the specification.
        #[to(ocsf("hostname"), timesketch("hostname"))]
        pub hostname: Option<BString>,
        /// Kubernetes: the pod.
        #[to(ecs("orchestrator.resource.name"), timesketch("pod_name"))]
        pub pod: Option<String>,
        /// Kubernetes: the namespace.
        #[to(ecs("orchestrator.namespace"), timesketch("namespace"))]
        pub namespace: Option<String>,
        /// Kubernetes: unique id of the pod.
        #[to(ecs("orchestrator.resource.id"), ocsf("container.pod_uuid").form(Form::Uuid))]
        pub pod_uid: Option<String>,
        /// Addresses, without loopback and link-local ones. Empty: it had none; null: not known.
        #[to(ocsf("ip").form(Form::First))]
        pub ip_addresses: Option<Vec<String>>,
        /// Hardware addresses.
        #[to(ocsf("mac").form(Form::First))]
        pub mac_addresses: Option<Vec<String>>,
        /// Labels, as recorded.
        #[to(ecs("container.labels").form(Form::Labels), ocsf("container.labels").form(Form::Pairs).own())]
        pub labels: Option<Map<String, Json>>,
        /// Annotations, as recorded.
        pub annotations: Option<Map<String, Json>>,
        /// Architecture, as `uname -m` names it.
        #[to(ecs("host.architecture"))]
        pub architecture: Option<&'static str>,
        /// Security module of the host: `none`, `selinux` or `apparmor`; null before CRIU 1.6, and where no inventory is.
        pub security_module: Option<&'static str>,
        /// Plugins of CRIU that took part in the dump: with `cuda_plugin` or `amdgpu_plugin` the state of GPUs is inside. Null
        /// before CRIU 4.1, which does not record them.
        pub criu_plugins: Option<Vec<BString>>,
        /// Bytes of a page on the dumped machine; null where no process tells.
        pub page_size: Option<u64>,
        /// Pid of the root task.
        pub root_pid: Option<u32>,
    }
}

/// The row of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Container> + use<> {
    std::iter::once(row(checkpoint))
}

/// The one row of a checkpoint.
pub(super) fn row(checkpoint: &Checkpoint) -> Container {
    let model = checkpoint.model();
    let container = model.container().clone();
    let facts = container.facts;
    let annotations = match (container.annotations, facts.annotations) {
        (Some(mut own), Some(more)) => {
            for (key, value) in more {
                own.entry(key).or_insert(value);
            }
            Some(own)
        }
        (own, more) => own.or(more),
    };
    Container {
        name: facts.name,
        id: facts.id,
        image: facts.image,
        image_id: facts.image_id,
        image_digest: facts.image_digest,
        engine: container.engine.map(Engine::as_str),
        runtime: facts.runtime,
        runtime_version: facts.runtime_version,
        engine_version: facts.engine_version,
        criu_version: container.criu_version,
        created: facts.created,
        started: facts.started,
        restored: facts.restored,
        restored_at: facts.restored_at,
        checkpointed: container.checkpointed.ok().map(|(time, _)| time),
        checkpointed_from: Some(container.checkpointed.map_or_else(NoTime::as_str, |(_, source)| source.as_str())),
        hostname: container.hostname.map(BString::from),
        pod: facts.pod,
        namespace: facts.namespace,
        pod_uid: facts.pod_uid,
        ip_addresses: container.ip_addresses.map(|list| list.iter().map(ToString::to_string).collect()),
        mac_addresses: container.mac_addresses,
        labels: facts.labels,
        annotations,
        architecture: model.arch().map(crate::abi::arch::Arch::as_str),
        security_module: model.inventory().and_then(|inventory| inventory.lsmtype).and_then(|number| {
            Some(match Lsmtype::try_from(number).ok()? {
                Lsmtype::NoLsm => "none",
                Lsmtype::Selinux => "selinux",
                Lsmtype::Apparmor => "apparmor",
            })
        }),
        criu_plugins: model.plugins().map(|plugins| plugins.into_iter().map(BString::from).collect()),
        page_size: model.processes().iter().any(|p| p.mm.is_some()).then(|| model.page_size()),
        root_pid: model.processes().first().map(|root| root.pid().0),
    }
}
