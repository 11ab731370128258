#include "cli/report_file.h"

#include "cli/files.h"
#include "cli/sha256.h"

namespace khu::cli {
namespace {

constexpr int kTries = 3;
constexpr Span kSilenceMax = seconds(300);  ///< a year's report may take khud a while to begin
constexpr unsigned kMode = 0666;            ///< the person's umask decides

/// What has come of a report.
struct Arrived {
    std::int64_t bytes{0};
    std::int64_t rows{0};
    std::string sha256;
};

Failure cannot_write(const Session& session, const std::string& path, const FileFault& fault) {
    return internal(session.say(Message::FileUnwritable, {path, fault.why}), "");
}

Expected<Arrived, Failure> download(Session& session, Connection& khud, const ReportSource& source,
                                    NewFile& file, const std::string& path) {
    Arrived arrived;
    RowCounter rows(source.form);
    Sha256 hash;
    std::string unwritten;
    const Expected<Done, FileFault> emptied = file.restart();
    if (!emptied) {
        return Unexpected{cannot_write(session, path, emptied.error())};
    }
    const Expected<Done, Failure> streamed =
        khud.stream(source.target, kSilenceMax, [&](std::string_view piece) {
            arrived.bytes += static_cast<std::int64_t>(piece.size());
            rows.take(piece);
            hash.add(piece);
            session.progress(
                session.say(Message::Receiving, {path, std::to_string(arrived.bytes)}));
            const Expected<Done, FileFault> written = file.write(piece);
            unwritten = written ? "" : written.error().why;
            return written.has_value();
        });
    session.progress("");
    if (!streamed) {
        return Unexpected{streamed.error()};
    }
    if (!unwritten.empty()) {
        return Unexpected{cannot_write(session, path, {.why = unwritten})};
    }
    arrived.rows = rows.rows();
    arrived.sha256 = hash.hex();
    return arrived;
}

/// What differs, in words; empty if nothing does.
std::string difference(const Session& session, const Arrived& arrived,
                       const wire::ManifestAnswer& manifest) {
    const auto differ = [&](const char* what, const std::string& came,
                            const std::string& promised) {
        return session.say(Message::ReportDiffers, {what, came, promised});
    };
    if (arrived.bytes != manifest.bytes) {
        return differ("bytes", std::to_string(arrived.bytes), std::to_string(manifest.bytes));
    }
    if (arrived.rows != manifest.rows) {
        return differ("rows", std::to_string(arrived.rows), std::to_string(manifest.rows));
    }
    return arrived.sha256 == manifest.sha256 ? ""
                                             : differ("sha256", arrived.sha256, manifest.sha256);
}

Expected<Done, Failure> keep_both(const Session& session, NewFile& file, const std::string& path,
                                  const wire::ManifestAnswer& manifest) {
    const std::string manifest_path = path + ".manifest.json";
    NewFile beside(manifest_path, kMode);
    const Expected<Done, FileFault> written = beside.write(encode(manifest) + "\n");
    if (!written) {
        return Unexpected{cannot_write(session, manifest_path, written.error())};
    }
    const Expected<Done, FileFault> kept = file.keep();
    if (!kept) {
        return Unexpected{cannot_write(session, path, kept.error())};
    }
    const Expected<Done, FileFault> both = beside.keep();
    if (!both) {
        return Unexpected{cannot_write(session, manifest_path, both.error())};
    }
    return Done{};
}

}  // namespace

Expected<wire::ManifestAnswer, Failure> write_report(Session& session, const ReportSource& source,
                                                     const std::string& path) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    NewFile file(path, kMode);
    std::string wrong;
    for (int tries = 0; tries < kTries; ++tries) {
        const Expected<Arrived, Failure> arrived = download(session, **khud, source, file, path);
        if (!arrived) {
            return Unexpected{arrived.error()};
        }
        Expected<Received<wire::ManifestAnswer>, Failure> manifest =
            session.get<wire::ManifestAnswer>(source.manifest_target);
        if (!manifest) {
            return Unexpected{std::move(manifest).error()};
        }
        wrong = difference(session, *arrived, manifest->answer);
        if (wrong.empty()) {
            manifest->answer.file = path.substr(path.rfind('/') + 1);
            const Expected<Done, Failure> kept = keep_both(session, file, path, manifest->answer);
            return kept ? Expected<wire::ManifestAnswer, Failure>(manifest->answer)
                        : Unexpected{kept.error()};
        }
    }
    return Unexpected{internal(session.say(Message::ReportWrong, {path, wrong}),
                               session.say(Message::ReportWrongRemedy))};
}

}  // namespace khu::cli
