/// Readings of other meters, one by one or as a file.

#include "config/meter_csv.h"
#include "daemon/http/call.h"

namespace khu::daemon {
namespace {

/// How many of them are known already; what is answered when all are taken.
wire::ReadingsTaken counted(const State& state, const TakeReadings& command) {
    wire::ReadingsTaken done{.taken = static_cast<std::int64_t>(command.readings.size())};
    const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
    for (const MeterReading& reading : command.readings) {
        const std::string name = reading_name(period_of(reading.from, offset), reading);
        done.existed += state.truth.readings.contains(name) ? 1 : 0;
    }
    return done;
}

void tell_readings(const Call& call, const State& state, TakeReadings command) {
    const wire::ReadingsTaken done = counted(state, command);
    call->services.engine.tell(std::move(command), [call, done](const Answer& told) {
        if (told.refusal) {
            refuse(call, *told.refusal);
        } else {
            answer(call, done);
        }
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
                                    .to = each.to_at});
    }
    call->services.engine.ask([call, command = std::move(command)](State& state, Moment) {
        tell_readings(call, state, command);
    });
}

void import_readings(const Call& call) {
    const auto request = body_of<wire::GrantImport>(call);
    if (!request) {
        return;
    }
    call->services.engine.ask([call, request](State& state, Moment) {
        const int offset = state.truth.policy ? state.truth.policy->utc_offset_minutes : 0;
        auto read = config::read_meter_csv(request->text, offset);
        if (!read) {
            refuse(call, read.error());
            return;
        }
        tell_readings(call, state,
                      {.who = call->caller.who,
                       .readings = std::move(read->readings),
                       .lines = std::move(read->lines)});
    });
}

}  // namespace khu::daemon
