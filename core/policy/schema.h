#pragma once

/// \file
/// The keys of a policy file, once: which there are, of which kind, which may be left out. The
/// reader (config/policy_reader), the printer (config/print) and the comparison (diff.h) are all
/// visitors of this table, so that a key can be read only if it is also printed and compared.
///
/// A visitor `io` offers
///
///     must(key, kind, value)            a scalar that must be there
///     may(key, kind, value, usual)      a scalar that may be left out, then it is `usual`
///     list(key, kind, values)           [a, b]; list_may: may be left out
///     group(key, body)                  a map of fixed keys
///     group_may(key, usual, body)       may be left out; printed unless `usual`
///     keyed(key, kind, rows)            a map from id to a map of fixed keys; may be left out
///     rows(key, identity, rows)         a list of maps, each known by its key `identity`; optional
///     table(key, name_kind, kind, rows, name, value)   a map from name to scalar
///     keyed_rows(key, identity, rows, name, list)      a map from name to a list of maps; optional
///     pair(key, kind, window)           [from, to]
///     ordered(key, window)              claims that the window is not empty, at `key`
///     offset(key, minutes)              the zone's offset, which days are read with
///
/// and calls fields(io, row) for the rows. `P` is the struct or its const form.

#include "core/base/limits.h"
#include "core/policy/kinds.h"
#include "core/policy/policy.h"

namespace khu::schema {

inline constexpr Whole kCount{1, 1'000'000'000};
inline constexpr Whole kPoints{0, 1'000'000'000};

template <class T, class P>
concept Of = std::is_same_v<std::remove_const_t<P>, T>;
#define KHU_FIELDS(Type, p)      \
    template <class Io, class P> \
        requires Of<Type, P>     \
    void fields(Io& io, P& p)

KHU_FIELDS(SliceRule, p) {
    io.must("per_node", Whole{1, limits::gpus_per_node_max}, p.per_node);
    io.must("cores_per_slice", Whole{1, 4096}, p.cores_per_slice);
    io.must("mem_gib_per_slice", Whole{1, 65536}, p.mem_gib_per_slice);
}

KHU_FIELDS(Partition, p) {
    io.must("nodes", Hostlist{}, p.nodes);
    io.may("gpu", Identifier{}, p.gpu, GpuModel{});
    if (!p.gpu.empty()) {
        io.must("gpus_per_node", Whole{1, limits::gpus_per_node_max}, p.gpus_per_node);
    }
    io.group("share", [&] {
        io.may("mode", Word<ShareMode>{}, p.share.mode, ShareMode::PerGpu);
        if (p.share.mode == ShareMode::MaxOf) {
            io.must("core", Identifier{}, p.share.core);
            io.must("mem", Identifier{}, p.share.mem);
        } else {
            io.must("cores_per_gpu", Whole{1, 4096}, p.share.cores_per_gpu);
            io.must("mem_gib_per_gpu", Whole{1, 65536}, p.share.mem_gib_per_gpu);
        }
    });
    io.group("time_limit", [&] {
        io.may("default", Duration{}, p.time_limit.default_limit, Span{});
        io.must("max", Duration{}, p.time_limit.max);
    });
    io.may("order", Word<OrderStrategy>{}, p.order, OrderStrategy::FairTree);
    io.may("reservations", Whole{1, 16}, p.reservations, 1);
    if (!p.gpu.empty()) {
        io.may("cpu_jobs", Flag{}, p.cpu_jobs, false);
        io.keyed("slices", Identifier{}, p.slices);
    }
    io.may("sharing", Word<Sharing>{}, p.sharing, Sharing::InsideEnterprise);
}

KHU_FIELDS(NodePlace, p) {
    io.must("nodes", Hostlist{}, p.nodes);
    io.may("room", Reference{}, p.room, PlaceName{});
    io.may("rack", Reference{}, p.rack, PlaceName{});
    io.may("switch", Reference{}, p.leaf_switch, PlaceName{});
    io.list_may("features", Identifier{}, p.features);
}

KHU_FIELDS(Qos, p) {
    io.must("factor", Percent{10'000}, p.factor_permille);
    io.must("tier", Whole{0, 1000}, p.tier);
    io.may("time_limit", Duration{}, p.time_limit, Span{});
    io.may("min_runtime", Duration{}, p.min_runtime, Span{});
    io.may("no_backfill_hold", Flag{}, p.no_backfill_hold, false);
    io.may("max_gpus_per_enterprise", kCount, p.max_gpus_per_enterprise, 0);
    io.may("max_jobs_per_user", kCount, p.max_jobs_per_user, 0);
    io.may("max_gpus_per_job", kCount, p.max_gpus_per_job, 0);
    io.may("needs_live_grant", Flag{}, p.needs_live_grant, false);
}

KHU_FIELDS(Funder, p) {
    io.must("kind", Word<FunderKind>{}, p.kind);
    io.must("name", Text{}, p.name);
    io.must("budget", Dong{.zero_too = true}, p.budget);
    io.pair("window", Day{}, p.window);
    io.may("max_share", Percent{}, p.max_share_permille, 1000);
}

KHU_FIELDS(Meter, p) {
    io.must("service", Identifier{}, p.service);
    io.must("unit", Identifier{}, p.unit);
    io.must("price", Dong{.zero_too = true}, p.price);
    io.table("split", Identifier{}, Percent{}, p.split, &SplitShare::payer, &SplitShare::permille);
}

KHU_FIELDS(CountedResource, p) {
    io.must("count", Whole{1, limits::counted_max}, p.count);
    io.may("kind", Word<ResourceKind>{}, p.kind, ResourceKind::Licence);
    io.may("max_per_enterprise", Whole{1, limits::counted_max}, p.max_per_enterprise, 0);
    io.list_may("programmes", Identifier{}, p.programmes);
    io.list_may("enterprises", TaxCode{}, p.enterprises);
}

KHU_FIELDS(Pullback, p) {
    io.must("after", Duration{}, p.after);
    io.must("if_used_below", Percent{10'000}, p.if_used_below_permille);
    io.must("forfeit_of_remaining", Percent{10'000}, p.forfeit_of_remaining_permille);
}

template <class Io, class P>
    requires Of<Programme, P>
void programme_rights(Io& io, P& p) {
    io.group("eligible", [&] {
        io.list("classes", Word<EnterpriseClass>{}, p.eligible.classes);
        io.list("zones", ZoneOrAny{}, p.eligible.zones);
        io.may("max_per_enterprise", kCount, p.eligible.max_per_enterprise, 0);
        io.may("max_age_years", kCount, p.eligible.max_age_years, 0);
        io.may("needs_permit", Flag{}, p.eligible.needs_permit, false);
    });
    io.group("grant", [&] {
        io.must("max", GpuHours{}, p.grant.max);
        io.may("auto_approve_below", GpuHours{.zero_too = true}, p.grant.auto_approve_below,
               Atoms{});
        io.must("window", Duration{}, p.grant.window);
        io.may("tranche", Word<Tranche>{}, p.grant.tranche, Tranche::Whole);
    });
    io.table("split", Identifier{}, Percent{}, p.split, &SplitShare::payer, &SplitShare::permille);
    io.list("qos", Identifier{}, p.qos);
    io.list("partitions", Identifier{}, p.partitions);
    io.group_may("limits", p.limits == ProgrammeLimits{}, [&] {
        io.may("max_gpus_per_job", kCount, p.limits.max_gpus_per_job, 0);
        io.may("max_gpus_running", kCount, p.limits.max_gpus_running, 0);
        io.may("max_jobs_queued", kCount, p.limits.max_jobs_queued, 0);
        io.may("max_users", kCount, p.limits.max_users, 0);
    });
}

KHU_FIELDS(Programme, p) {
    io.must("tier", Word<Tier>{}, p.tier);
    programme_rights(io, p);
    io.group_may("carry", p.carry == Carry{}, [&] {
        io.must("max", Percent{}, p.carry.max_permille);
        io.may("times", Whole{1, 1}, p.carry.times, 1);
    });
    io.rows("pullback", "after", p.pullback);
    io.group_may("advance", p.advance_max_of_next_tranche_permille == 0, [&] {
        io.must("max_of_next_tranche", Percent{}, p.advance_max_of_next_tranche_permille);
    });
    io.group_may("overrun", p.overrun_max_permille == 0,
                 [&] { io.must("max", Percent{}, p.overrun_max_permille); });
    io.may("exhausted", Word<Exhausted>{}, p.exhausted, Exhausted::IdleOnly);
    io.group_may("duties", p.duties == Duties{}, [&] {
        io.may("report_due_after_end", Duration{}, p.duties.report_due_after_end, Span{});
        io.may("open_output", Word<OpenOutput>{}, p.duties.open_output, OpenOutput::NotRequired);
        io.may("late_action", Word<LateAction>{}, p.duties.late_action, LateAction::None);
    });
}

KHU_FIELDS(ZoneMembership, p) {
    io.must("id", Identifier{}, p.zone);
    io.must("from", Day{}, p.window.from);
    io.may("to", Day{}, p.window.to, kNever);
    io.ordered("to", p.window);
}

KHU_FIELDS(PolicyGrant, p) {
    io.must("id", Reference{}, p.id);
    io.must("programme", Identifier{}, p.programme);
    io.must("amount", GpuHours{}, p.amount);
    io.must("from", Day{}, p.window.from);
    io.must("to", Day{}, p.window.to);
    io.ordered("to", p.window);
    io.may("decision_ref", Text{}, p.decision_ref, std::string{});
    io.may("permit", Text{}, p.permit, std::string{});
    io.may("voucher", Text{}, p.voucher, std::string{});
}

KHU_FIELDS(Enterprise, p) {
    io.must("name", Text{}, p.name);
    io.must("class", Word<EnterpriseClass>{}, p.kind);
    io.may("founded", Day{}, p.founded, kNever);
    io.rows("zones", "id", p.zones);
    io.group_may("wallet", p.wallet == Wallet{}, [&] {
        io.must("mode", Word<WalletMode>{}, p.wallet.mode);
        io.may("credit_limit", Dong{.zero_too = true}, p.wallet.credit_limit, Mvnd{});
    });
    io.list_may("holders", Reference{}, p.holders);
    io.list_may("members", Reference{}, p.members);
    io.rows("grants", "id", p.grants);
}

KHU_FIELDS(Price, p) {
    io.must("from", Day{}, p.from_day);
    io.must("rate", DongPerGpuHour{}, p.vnd_per_gpuh);
}

KHU_FIELDS(TreeShare, p) {
    io.must("programme", Identifier{}, p.programme);
    io.must("shares", kCount, p.shares);
}

KHU_FIELDS(OverGrant, p) {
    io.must("used_at_least", Percent{10'000}, p.used_at_least_permille);
    io.must("age_penalty", Duration{}, p.age_penalty);
    io.may("max_running_jobs", kCount, p.max_running_jobs, 0);
}

KHU_FIELDS(BorrowRule, p) {
    io.must("programme", Identifier{}, p.programme);
    io.must("nominal_gpus", kPoints, p.nominal_gpus);
    io.must("lend", kPoints, p.lend);
    io.must("borrow", kPoints, p.borrow);
}

KHU_FIELDS(Blackout, p) {
    io.must("id", Identifier{}, p.id);
    io.must("from", Instant{}, p.window.from);
    io.must("to", Instant{}, p.window.to);
    io.ordered("to", p.window);
    io.list("partitions", Identifier{}, p.partitions);
}

KHU_FIELDS(Reservation, p) {
    io.must("id", Identifier{}, p.id);
    io.may("enterprise", TaxCode{}, p.enterprise, EnterpriseId{});
    io.must("programme", Identifier{}, p.programme);
    io.must("partition", Identifier{}, p.partition);
    io.must("gpus", kCount, p.gpus);
    io.must("qos", Identifier{}, p.qos);
    io.must("from", Instant{}, p.window.from);
    io.must("to", Instant{}, p.window.to);
    io.ordered("to", p.window);
    io.may("charge", Word<ReservationCharge>{}, p.charge, ReservationCharge::WholeWindow);
    io.may("cancel_until", Duration{}, p.cancel_until, hours(24));
    io.may("every", Duration{}, p.every, Span{});
    if (p.every > Span{0}) {
        io.must("until", Instant{}, p.until);
    }
}

KHU_FIELDS(FairShare, p) {
    const FairShare usual;
    io.may("half_life", Duration{}, p.half_life, usual.half_life);
    io.may("count_idle_at", Percent{}, p.count_idle_at_permille, usual.count_idle_at_permille);
    io.rows("tree", "programme", p.tree);
    io.may("inside_programme", Word<InsideProgramme>{}, p.inside_programme, usual.inside_programme);
    io.group_may("floor", p.floor == Floor{}, [&] {
        io.must("per_enterprise_gpus", kCount, p.floor.per_enterprise_gpus);
        io.must("after_wait", Duration{}, p.floor.after_wait);
    });
}

KHU_FIELDS(Priority, p) {
    const Priority usual;
    io.group_may("age", p.age == usual.age, [&] {
        io.may("per_hour", kPoints, p.age.per_hour, usual.age.per_hour);
        io.may("cap", Duration{}, p.age.cap, usual.age.cap);
    });
    io.group_may("fairshare_rank", p.fairshare_rank_max == usual.fairshare_rank_max,
                 [&] { io.must("max", kPoints, p.fairshare_rank_max); });
    io.group_may("qos_tier", p.qos_per_tier == usual.qos_per_tier,
                 [&] { io.must("per_tier", kPoints, p.qos_per_tier); });
    io.rows("over_grant", "used_at_least", p.over_grant);
}

KHU_FIELDS(Preemption, p) {
    const Preemption usual;
    io.list_may("order", Identifier{}, p.order);
    io.may("grace", Duration{}, p.grace, usual.grace);
    io.may("min_runtime_borrowed", Duration{}, p.min_runtime_borrowed, Span{});
    io.group_may("charge_lost", p.charge_lost == ChargeLost{}, [&] {
        io.must("up_to", Duration{}, p.charge_lost.up_to);
        io.must("payer", Identifier{}, p.charge_lost.payer);
    });
}

KHU_FIELDS(Refunds, p) {
    const Refunds usual;
    io.group_may("automatic", p.automatic == usual.automatic, [&] {
        io.may("node_fail", Percent{}, p.automatic.node_fail_permille, 1000);
        io.may("agent_lost", Percent{}, p.automatic.agent_lost_permille, 1000);
        io.may("launch_fail", Percent{}, p.automatic.launch_fail_permille, 1000);
        io.may("controller_fault", Percent{}, p.automatic.controller_fault_permille, 1000);
        io.may("maintenance_kill", Percent{}, p.automatic.maintenance_kill_permille, 1000);
    });
    io.may("checkpoint_assumed", Duration{}, p.checkpoint_assumed, usual.checkpoint_assumed);
    io.group_may("manual", p.manual == usual.manual, [&] {
        io.may("ask_within", Duration{}, p.manual.ask_within, usual.manual.ask_within);
        io.may("needs", Word<RefundRole>{}, p.manual.needs, usual.manual.needs);
        io.may("max", Percent{}, p.manual.max_permille, usual.manual.max_permille);
        io.may("second_approver_above", GpuHours{.zero_too = true}, p.manual.second_approver_above,
               usual.manual.second_approver_above);
    });
    io.may("payer", Identifier{}, p.payer, FunderId{});
}

KHU_FIELDS(Reports, p) {
    const Reports usual;
    io.may("close_day", Whole{1, 28}, p.close_day, usual.close_day);
    io.may("public_min_enterprises", kCount, p.public_min_enterprises,
           usual.public_min_enterprises);
    io.group_may("retention", p.retention == usual.retention, [&] {
        io.may("ledger", Months{}, p.retention.ledger_months, usual.retention.ledger_months);
        io.may("job_rows", Months{}, p.retention.job_rows_months, usual.retention.job_rows_months);
        io.may("per_user", Months{}, p.retention.per_user_months, usual.retention.per_user_months);
    });
}

KHU_FIELDS(Privacy, p) {
    const Privacy usual;
    io.may("user_ids", Word<UserIds>{}, p.user_ids, usual.user_ids);
    io.may("per_user_rows", Word<PerUserRows>{}, p.per_user_rows, usual.per_user_rows);
    io.may("job_names", Word<JobNames>{}, p.job_names, usual.job_names);
}

template <class Io, class P>
    requires Of<Policy, P>
void head_fields(Io& io, P& p) {
    io.group("policy", [&] {
        io.offset("utc_offset", p.utc_offset_minutes);
        io.must("id", Reference{}, p.id);
        io.may("supersedes", Reference{}, p.supersedes, PolicyId{});
        io.must("effective_from", Instant{}, p.effective_from);
        io.may("decision_ref", Text{}, p.decision_ref, std::string{});
        io.group_may("money", p.money == Currency{}, [&] {
            io.must("currency", Text{}, p.money.currency);
            io.may("ledger_scale", kPoints, p.money.ledger_scale, 3);
            io.may("statement_scale", kPoints, p.money.statement_scale, 0);
        });
    });
    io.group("zone", [&] {
        io.must("id", Identifier{}, p.zone.id);
        io.must("name", Text{}, p.zone.name);
        io.group_may("province", p.zone.province == Province{}, [&] {
            io.must("code", Text{20}, p.zone.province.code);
            io.must("name", Text{}, p.zone.province.name);
            io.may("since", Day{}, p.zone.province.since, kNever);
        });
        io.list_may("services", Identifier{}, p.zone.services);
    });
    io.group("units", [&] {
        io.must("reference_gpu", Identifier{}, p.reference_gpu);
        io.table("weights_milli", Identifier{}, kPoints, p.weights, &Weight::model, &Weight::milli);
        io.rows("price_list", "from", p.price_list);
    });
}

KHU_FIELDS(Policy, p) {
    head_fields(io, p);
    io.keyed("partitions", Identifier{}, p.partitions);
    io.rows("topology", "nodes", p.topology);
    io.keyed("qos", Identifier{}, p.qos);
    io.keyed("funders", Identifier{}, p.funders);
    io.keyed("programmes", Identifier{}, p.programmes);
    io.keyed("enterprises", TaxCode{}, p.enterprises);
    io.keyed("meters", Identifier{}, p.meters);
    io.keyed("resources", Identifier{}, p.resources);
    io.group_may("fairshare", p.fairshare == FairShare{}, [&] { fields(io, p.fairshare); });
    io.group_may("priority", p.priority == Priority{}, [&] { fields(io, p.priority); });
    io.keyed_rows("borrowing", "programme", p.borrowing, &Borrowing::partition, &Borrowing::rules);
    io.group_may("preemption", p.preemption == Preemption{}, [&] { fields(io, p.preemption); });
    io.group_may("calendar", p.calendar == Calendar{}, [&] {
        io.rows("blackouts", "id", p.calendar.blackouts);
        io.rows("reservations", "id", p.calendar.reservations);
    });
    io.group_may("refunds", p.refunds == Refunds{}, [&] { fields(io, p.refunds); });
    io.group_may("reports", p.reports == Reports{}, [&] { fields(io, p.reports); });
    io.group_may("privacy", p.privacy == Privacy{}, [&] { fields(io, p.privacy); });
}

#undef KHU_FIELDS

}  // namespace khu::schema
