//! The profile as `go tool pprof` and the services around it read it, made as `runtime/pprof` does.
//!
//! The format is `profile.proto` of github.com/google/pprof, in gzip.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use prost::Message as _;
use tracer_core::event::{Backing, Mapping as ProcessMapping};

use super::{Heap, Site};
use crate::go::runtime::heap_profile::Call;

mod message;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use message::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};

/// `PROT_EXEC`.
const EXECUTABLE: u32 = 4;

/// What the four values of each sample are, and their units.
const VALUES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// The profile of a process with these mappings, taken at this time since 1970.
///
/// # Errors
/// None that memory could give; compressing is a write.
pub fn pprof(
    heap: &Heap<'_>,
    mappings: &[ProcessMapping],
    build_id: Option<&str>,
    time_ns: i64,
) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(mappings, build_id);
    builder.profile.sample_type = VALUES
        .map(|value| builder.strings.value_type(value))
        .to_vec();
    builder.profile.period_type = Some(builder.strings.value_type(("space", "bytes")));
    builder.profile.default_sample_type = builder.strings.index("inuse_space");
    builder.profile.period = signed(heap.rate);
    builder.profile.time_nanos = time_ns;
    for site in &heap.sites {
        builder.add(site);
    }
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&builder.finish().encode_to_vec())?;
    zip.finish()
}

/// What is numbered in the file, and by what it is found again.
struct Builder {
    profile: Profile,
    strings: Strings,
    /// By name, file and line of the first call that was seen.
    functions: HashMap<(String, String), u64>,
    /// By the addresses and names of the calls that are inlined there.
    locations: HashMap<Vec<(u64, u64, u32)>, u64>,
    /// Mappings with calls that have names, and with such that have none.
    named: HashSet<u64>,
    nameless: HashSet<u64>,
}

impl Builder {
    fn new(mappings: &[ProcessMapping], build_id: Option<&str>) -> Self {
        let mut strings = Strings::default();
        strings.index("");
        let build_id = strings.index(build_id.unwrap_or_default());
        let mut profile = Profile::default();
        for mapping in mappings
            .iter()
            .filter(|mapping| mapping.prot & EXECUTABLE != 0)
        {
            let Backing::File { path, offset, .. } = &mapping.backing else {
                continue;
            };
            let is_main = profile.mapping.is_empty();
            profile.mapping.push(Mapping {
                id: profile.mapping.len() as u64 + 1,
                memory_start: mapping.start,
                memory_limit: mapping.end,
                file_offset: *offset,
                filename: strings.index(path),
                build_id: if is_main { build_id } else { 0 },
                ..Mapping::default()
            });
        }
        Self {
            profile,
            strings,
            functions: HashMap::new(),
            locations: HashMap::new(),
            named: HashSet::new(),
            nameless: HashSet::new(),
        }
    }

    fn add(&mut self, site: &Site<'_>) {
        let mut rest = site.calls.as_slice();
        let mut location_id = Vec::with_capacity(site.together.len());
        for size in &site.together {
            let (calls, others) = rest.split_at(*size);
            location_id.push(self.location(calls));
            rest = others;
        }
        let label = Label {
            key: self.strings.index("bytes"),
            num: signed(site.object_bytes),
        };
        let (allocated, in_use) = (site.allocated, site.in_use);
        let values = [allocated.0, allocated.1, in_use.0, in_use.1];
        self.profile.sample.push(Sample {
            location_id,
            value: values.to_vec(),
            label: vec![label],
        });
    }

    /// The place where these calls are inlined into the last of them.
    fn location(&mut self, calls: &[Call<'_>]) -> u64 {
        let key: Vec<_> = calls.iter().map(|call| self.line(call)).collect();
        if let Some(id) = self.locations.get(&key) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        let address = calls.first().map_or(0, |call| call.address);
        let mapping_id = self.mapping_of(address);
        let is_named = calls.iter().all(|call| call.frame.is_some());
        let seen = if is_named {
            &mut self.named
        } else {
            &mut self.nameless
        };
        seen.insert(mapping_id);
        let lines = key.iter().filter(|(_, function, _)| *function != 0);
        self.profile.location.push(Location {
            id,
            mapping_id,
            address,
            line: lines
                .map(|(_, function, line)| Line {
                    function_id: *function,
                    line: i64::from(*line),
                })
                .collect(),
        });
        self.locations.insert(key, id);
        id
    }

    /// 0 for code that is in no file.
    fn mapping_of(&self, address: u64) -> u64 {
        let mut mappings = self.profile.mapping.iter();
        mappings
            .find(|mapping| (mapping.memory_start..mapping.memory_limit).contains(&address))
            .map_or(0, |mapping| mapping.id)
    }

    /// Address, function and line of a call; function 0 where there is no name.
    fn line(&mut self, call: &Call<'_>) -> (u64, u64, u32) {
        let Some(frame) = &call.frame else {
            return (call.address, 0, 0);
        };
        let key = (frame.function.to_string(), frame.file.to_string());
        let next = self.functions.len() as u64 + 1;
        let id = *self
            .functions
            .entry(key)
            .or_insert_with_key(|(name, file)| {
                let name = self.strings.index(name);
                let filename = self.strings.index(file);
                self.profile.function.push(Function {
                    id: next,
                    name,
                    system_name: name,
                    filename,
                    start_line: 0,
                });
                next
            });
        (call.address, id, frame.line)
    }

    fn finish(mut self) -> Profile {
        for mapping in &mut self.profile.mapping {
            // Readers look for names themselves unless told that all are there.
            let all = self.named.contains(&mapping.id) && !self.nameless.contains(&mapping.id);
            mapping.has_functions = all;
            mapping.has_filenames = all;
            mapping.has_line_numbers = all;
            mapping.has_inline_frames = all;
        }
        self.profile.string_table = self.strings.all;
        self.profile
    }
}

/// The format has signed numbers.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Texts by number; number 0 is the empty one.
#[derive(Default)]
struct Strings {
    all: Vec<String>,
    known: HashMap<String, i64>,
}

impl Strings {
    fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.known.get(text) {
            return *index;
        }
        let index = self.all.len() as i64;
        self.all.push(text.to_owned());
        self.known.insert(text.to_owned(), index);
        index
    }

    fn value_type(&mut self, (kind, unit): (&str, &str)) -> ValueType {
        ValueType {
            kind: self.index(kind),
            unit: self.index(unit),
        }
    }
}
