//! Where the contents of a file are: extents, or the map of blocks that ext2 and ext3 have.

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;
use nom::multi::count;

use super::Volume;
use super::inode::{Inode, Storage};
use crate::error::{Error, Result};
use crate::parse::{Parsed, field, little16, little32, parse};

/// Levels of a tree of extents. The format has no more.
const DEEPEST: u16 = 5;

/// Limit for the nodes of a tree of extents. Each has hundreds of extents.
const MOST_NODES: usize = 1 << 16;

/// Blocks that the inode itself names in a map.
const DIRECT: usize = 12;

/// An extent whose length is above this is allocated, and was never written. It reads as zeros.
const LONGEST_WRITTEN: u16 = 1 << 15;

/// Successive blocks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its first block, counted from the start of the file.
    pub(super) first: u64,
    /// Number of blocks.
    pub(super) blocks: u64,
    /// Its first block on the volume. `None` for zeros that are not stored.
    pub(super) stored: Option<u64>,
}

/// The stored runs of a file, from its start to its end. What lies between them is zeros.
pub(super) struct Runs<'v, 'a> {
    volume: &'v Volume<'a>,
    inode: u64,
    /// What is left of each node that is being read, the deepest last. They are in reversed order.
    ahead: Vec<Vec<Step>>,
    nodes: usize,
    /// The first block of the file that no run may precede.
    next: u64,
    /// Number of blocks that the file may have.
    blocks: u64,
    /// Number of blocks on the volume in runs so far.
    stored: u64,
}

/// Something that a node lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Run(Run),
    /// A node of a tree of extents.
    Extents {
        first: u64,
        block: u64,
        depth: u16,
    },
    /// A block with the numbers of blocks, or of such blocks in turn.
    Map {
        first: u64,
        block: u64,
        depth: u32,
    },
}

impl<'v, 'a> Runs<'v, 'a> {
    /// The runs of an inode with this number.
    pub(super) fn new(volume: &'v Volume<'a>, number: u64, inode: &Inode) -> Result<Self> {
        let blocks = inode.size.div_ceil(volume.layout.block_size);
        let mut runs = Self { volume, inode: number, ahead: Vec::new(), nodes: 0, next: 0, blocks, stored: 0 };
        match inode.storage() {
            Storage::Extents => {
                let (_, node) = node(&inode.block).map_err(|_| runs.wrong("extents"))?;
                runs.enter(node, DEEPEST + 1)?;
            }
            Storage::Map => runs.map_root(inode),
            Storage::Refused(what) => {
                return Err(Error::Unsupported { what: what.into(), place: volume.place(number) });
            }
        }
        Ok(runs)
    }

    fn wrong(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "ext4 inode", field, place: self.volume.place(self.inode) }
    }

    fn map_root(&mut self, inode: &Inode) {
        let numbers = inode.block.as_chunks::<4>().0.iter().map(|number| u64::from(u32::from_le_bytes(*number)));
        let each = self.volume.layout.block_size / 4;
        let mut steps = Vec::new();
        let (mut first, mut depth) = (0, 0);
        for (index, block) in numbers.enumerate() {
            let is_direct = index < DIRECT;
            if !is_direct {
                depth += 1;
            }
            if block != 0 {
                steps.push(mapped(first, block, depth));
            }
            first += if is_direct { 1 } else { each.saturating_pow(depth) };
        }
        steps.reverse();
        self.ahead.push(steps);
    }

    /// Takes a node of a tree of extents, whose depth is below `above`.
    fn enter(&mut self, node: Node, above: u16) -> Result<()> {
        if node.depth >= above {
            return Err(self.wrong("depth of extents"));
        }
        let mut steps = node.steps;
        steps.reverse();
        self.ahead.push(steps);
        Ok(())
    }

    /// The bytes of a block with steps.
    fn block(&mut self, block: u64) -> Result<(u64, std::borrow::Cow<'a, [u8]>)> {
        self.nodes += 1;
        if u64::try_from(self.nodes).is_ok_and(|nodes| nodes > self.volume.layout.blocks) {
            return Err(self.wrong("number of blocks"));
        }
        if self.nodes > MOST_NODES {
            let place = self.volume.place(self.inode);
            return Err(Error::Limit { what: "65,536 nodes with the blocks of a file", place });
        }
        let size = self.volume.layout.block_size;
        let offset = block.checked_mul(size).ok_or_else(|| self.wrong("block number"))?;
        Ok((offset, self.volume.region.bytes("ext4 block", offset, size)?))
    }

    fn step(&mut self, step: Step) -> Result<Option<Run>> {
        match step {
            Step::Run(run) if run.first >= self.blocks => Ok(None),
            Step::Run(run) => self.run(run).map(Some),
            Step::Extents { first, .. } | Step::Map { first, .. } if first >= self.blocks => Ok(None),
            Step::Extents { block, depth, .. } => {
                let (offset, bytes) = self.block(block)?;
                let node = parse("ext4 extents", &self.volume.region.place(offset), &bytes, node)?;
                self.enter(node, depth)?;
                Ok(None)
            }
            Step::Map { first, block, depth } => {
                let (_, bytes) = self.block(block)?;
                let each = (self.volume.layout.block_size / 4).saturating_pow(depth - 1);
                let numbers = bytes.as_chunks::<4>().0.iter().map(|number| u64::from(u32::from_le_bytes(*number)));
                let steps = numbers.zip(0u64..).filter(|(block, _)| *block != 0);
                let mut steps: Vec<Step> =
                    steps.map(|(block, index)| mapped(first + index * each, block, depth - 1)).collect();
                steps.reverse();
                self.ahead.push(steps);
                Ok(None)
            }
        }
    }

    /// Checks a run: runs are in order, on the volume, and no longer together than the volume is.
    fn run(&mut self, run: Run) -> Result<Run> {
        let layout = &self.volume.layout;
        let blocks = run.blocks.min(self.blocks - run.first);
        let end = run.stored.map_or(Some(0), |stored| stored.checked_add(blocks));
        if blocks == 0 || run.first < self.next || end.is_none_or(|end| end > layout.blocks) {
            return Err(self.wrong("block number"));
        }
        self.next = run.first + blocks;
        // Those that were never written are allocated, too.
        self.stored = self.stored.saturating_add(blocks);
        if self.stored > layout.blocks {
            return Err(self.wrong("number of blocks"));
        }
        Ok(Run { blocks, ..run })
    }
}

impl Iterator for Runs<'_, '_> {
    type Item = Result<Run>;

    fn next(&mut self) -> Option<Result<Run>> {
        loop {
            let Some(step) = self.ahead.last_mut()?.pop() else {
                self.ahead.pop();
                continue;
            };
            match self.step(step) {
                Ok(None) => {}
                Ok(Some(run)) => return Some(Ok(run)),
                Err(error) => {
                    self.ahead.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

fn mapped(first: u64, block: u64, depth: u32) -> Step {
    match depth {
        0 => Step::Run(Run { first, blocks: 1, stored: Some(block) }),
        depth => Step::Map { first, block, depth },
    }
}

/// A node of a tree of extents.
struct Node {
    /// Levels below it.
    depth: u16,
    steps: Vec<Step>,
}

fn node(input: &[u8]) -> Parsed<'_, Node> {
    let (input, (_, entries, _, depth, _)) = (
        field("magic", tag(&[0x0a, 0xf3][..])),                      // 0x0
        field("number of entries", little16),                        // 0x2
        field("most entries", little16),                             // 0x4
        field("depth", verify(little16, |&depth| depth <= DEEPEST)), // 0x6
        field("generation", take(4usize)),                           // 0x8
    )
        .parse(input)?;
    let entries = usize::from(entries);
    let (rest, steps) = match depth {
        0 => field("extents", count(extent, entries)).parse(input)?,
        depth => field("extents", count(|input| index(input, depth), entries)).parse(input)?,
    };
    Ok((rest, Node { depth, steps }))
}

fn extent(input: &[u8]) -> Parsed<'_, Step> {
    let (rest, (first, length, high, low)) = (
        field("first block", little32),  // 0x0
        field("length", little16),       // 0x4
        field("block number", little16), // 0x6
        field("block number", little32), // 0x8
    )
        .parse(input)?;
    let is_written = length <= LONGEST_WRITTEN;
    let blocks = if is_written { length } else { length - LONGEST_WRITTEN };
    let stored = is_written.then_some(u64::from(high) << 32 | u64::from(low));
    Ok((rest, Step::Run(Run { first: first.into(), blocks: blocks.into(), stored })))
}

fn index(input: &[u8], depth: u16) -> Parsed<'_, Step> {
    let (rest, (first, low, high, _)) = (
        field("first block", little32),  // 0x0
        field("block number", little32), // 0x4
        field("block number", little16), // 0x8
        field("unused", take(2usize)),   // 0xa
    )
        .parse(input)?;
    Ok((rest, Step::Extents { first: first.into(), block: u64::from(high) << 32 | u64::from(low), depth }))
}
