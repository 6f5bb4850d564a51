//! Messages of what was lost.

use super::fact::same_fields;
use crate::event::{self, Timestamp};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Loss {
    #[prost(message, repeated, tag = "1")]
    counts: Vec<LossCount>,
    #[prost(message, repeated, tag = "2")]
    gaps: Vec<LossGap>,
    #[prost(message, repeated, tag = "3")]
    by_cpu: Vec<CpuLoss>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LossCount {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(uint64, tag = "2")]
    expected: u64,
    #[prost(uint64, tag = "3")]
    received: u64,
    #[prost(uint64, tag = "4")]
    lost: u64,
    #[prost(uint64, tag = "5")]
    skipped: u64,
}

same_fields!(LossCount, { kind, expected, received, lost, skipped });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CallSum {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(uint32, optional, tag = "2")]
    advice: Option<u32>,
    #[prost(fixed64, optional, tag = "3")]
    stack: Option<u64>,
    #[prost(uint64, tag = "4")]
    count: u64,
    #[prost(uint64, tag = "5")]
    failed: u64,
    #[prost(uint64, tag = "6")]
    bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LossGap {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(uint32, tag = "2")]
    cpu: u32,
    #[prost(uint64, tag = "3")]
    from_ns: u64,
    #[prost(uint64, tag = "4")]
    to_ns: u64,
    #[prost(uint64, tag = "5")]
    lost: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CpuLoss {
    #[prost(uint32, tag = "1")]
    cpu: u32,
    #[prost(message, required, tag = "2")]
    count: LossCount,
}

impl From<&event::Loss> for Loss {
    fn from(loss: &event::Loss) -> Self {
        let event::Loss {
            counts,
            gaps,
            by_cpu,
        } = loss;
        Self {
            counts: counts.iter().map(LossCount::from).collect(),
            gaps: gaps.iter().map(LossGap::from).collect(),
            by_cpu: by_cpu.iter().map(CpuLoss::from).collect(),
        }
    }
}

impl From<Loss> for event::Loss {
    fn from(loss: Loss) -> Self {
        let Loss {
            counts,
            gaps,
            by_cpu,
        } = loss;
        Self {
            counts: counts.into_iter().map(event::LossCount::from).collect(),
            gaps: gaps.into_iter().map(event::LossGap::from).collect(),
            by_cpu: by_cpu.into_iter().map(event::CpuLoss::from).collect(),
        }
    }
}

impl From<&event::CallSum> for CallSum {
    fn from(sum: &event::CallSum) -> Self {
        let event::CallSum {
            kind,
            advice,
            stack,
            count,
            failed,
            bytes,
        } = sum.clone();
        Self {
            kind,
            advice: advice.map(|advice| advice.0),
            stack: stack.map(|stack| stack.0),
            count,
            failed,
            bytes,
        }
    }
}

impl From<CallSum> for event::CallSum {
    fn from(sum: CallSum) -> Self {
        let CallSum {
            kind,
            advice,
            stack,
            count,
            failed,
            bytes,
        } = sum;
        Self {
            kind,
            advice: advice.map(event::Advice),
            stack: stack.map(event::StackId),
            count,
            failed,
            bytes,
        }
    }
}

impl From<&event::LossGap> for LossGap {
    fn from(gap: &event::LossGap) -> Self {
        let event::LossGap {
            kind,
            cpu,
            from,
            to,
            lost,
        } = gap.clone();
        Self {
            kind,
            cpu,
            from_ns: from.0,
            to_ns: to.0,
            lost,
        }
    }
}

impl From<LossGap> for event::LossGap {
    fn from(gap: LossGap) -> Self {
        let LossGap {
            kind,
            cpu,
            from_ns,
            to_ns,
            lost,
        } = gap;
        Self {
            kind,
            cpu,
            from: Timestamp(from_ns),
            to: Timestamp(to_ns),
            lost,
        }
    }
}

impl From<&event::CpuLoss> for CpuLoss {
    fn from(loss: &event::CpuLoss) -> Self {
        let event::CpuLoss { cpu, count } = loss;
        Self {
            cpu: *cpu,
            count: count.into(),
        }
    }
}

impl From<CpuLoss> for event::CpuLoss {
    fn from(CpuLoss { cpu, count }: CpuLoss) -> Self {
        Self {
            cpu,
            count: count.into(),
        }
    }
}
