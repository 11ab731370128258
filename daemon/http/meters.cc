/// Readings of other meters, one by one or as a file.

#include "config/meter_csv.h"
#include "daemon/http/call.h"
#include "daemon/meter_rows.h"

namespace khu::daemon {
namespace {

bool is_known(const State& state, const MeterReading& reading) {
    if (!reading.corrects.empty()) {
        const auto first = state.truth.corrected.find(reading.corrects);
        return first != state.truth.corrected.end() && first->second.rows.contains(reading.row);
    }
    const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
    return state.truth.readings.contains(reading_name(period_of(reading.from, offset), reading));
}

/// How many of them are known already; what is answered when all are taken.
wire::ReadingsTaken counted(const State& state, const TakeReadings& command) {
    wire::ReadingsTaken done{.taken = static_cast<std::int64_t>(command.readings.size())};
    for (const MeterReading& reading : command.readings) {
        done.existed += is_known(state, reading) ? 1 : 0;
    }
    return done;
}

/// What the command corrects is read here, on the thread that asks.
void tell_readings(const Call& call, TakeReadings command) {
    auto firsts = corrected_by(call->services.store, command.readings);
    if (!firsts) {
        refuse(call, firsts.error());
        return;
    }
    command.firsts = *std::move(firsts);
    call->services.engine.ask([call, command = std::move(command)](State& state, Moment) {
        const wire::ReadingsTaken done = counted(state, command);
        call->services.engine.tell(TakeReadings(command), [call, done](const Answer& told) {
            if (told.refusal) {
                refuse(call, *told.refusal);
            } else {
                answer(call, done);
            }
        });
    });
}

}  // namespace

void take_readings(const Call& call) {
    const auto request = body_of<wire::Readings>(call);
    if (!request) {
        return;
    }
    TakeReadings command{.who = call->caller.who, .readings = {}};
    for (const wire::Reading& each : request->readings) {
        command.readings.push_back({.meter = MeterId{each.meter},
                                    .row = each.row,
                                    .enterprise = EnterpriseId{each.enterprise},
                                    .quantity_micro = each.quantity_micro,
                                    .from = each.from_at,
                                    .to = each.to_at,
                                    .corrects = each.corrects,
                                    .reason = each.reason,
                                    .decision_ref = each.decision_ref});
    }
    tell_readings(call, std::move(command));
}

void import_readings(const Call& call) {
    const auto request = body_of<wire::GrantImport>(call);
    if (!request) {
        return;
    }
    int offset = 0;
    call->services.engine.ask_and_wait([&](State& state, Moment) {
        offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
    });
    auto read = config::read_meter_csv(request->text, offset);
    if (!read) {
        refuse(call, read.error());
        return;
    }
    tell_readings(call, {.who = call->caller.who,
                         .readings = std::move(read->readings),
                         .lines = std::move(read->lines)});
}

}  // namespace khu::daemon
