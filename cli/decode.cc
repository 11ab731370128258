#include "cli/decode.h"

#include "wire/api_calendar.h"
#include "wire/api_resources.h"
#include "wire/json.h"
#include "wire/stats.h"

namespace khu::cli {

template <class Answer>
Expected<Answer, Failure> decode(std::string_view body, Language language) {
    Expected<Answer, wire::JsonError> answer =
        wire::from_json_text<Answer>(body, wire::Unknown::Ignore);
    if (!answer) {
        return Unexpected{
            internal(say(Message::AnswerNotUnderstood, language, {wire::text(answer.error())}),
                     std::string(words(Message::AnswerNotUnderstoodRemedy, language)))};
    }
    return *std::move(answer);
}

template <class Value>
std::string encode(const Value& value) {
    return wire::to_json_text(value);
}

#define KHU_DECODES(Type) \
    template Expected<wire::Type, Failure> decode<wire::Type>(std::string_view, Language);
#define KHU_ENCODES(Type) template std::string encode<wire::Type>(const wire::Type&);

KHU_DECODES(Problem)
KHU_DECODES(SubmitAnswer)
KHU_DECODES(JobView)
KHU_DECODES(JobPage)
KHU_DECODES(WhyAnswer)
KHU_DECODES(StatsAnswer)
KHU_DECODES(NodeView)
KHU_DECODES(NodePage)
KHU_DECODES(QuoteAnswer)
KHU_DECODES(GrantView)
KHU_DECODES(GrantPage)
KHU_DECODES(GrantRequestView)
KHU_DECODES(GrantRequestPage)
KHU_DECODES(GrantImported)
KHU_DECODES(BalanceAnswer)
KHU_DECODES(PursePage)
KHU_DECODES(PurseView)
KHU_DECODES(ReadingsTaken)
KHU_DECODES(RefundPage)
KHU_DECODES(RefundView)
KHU_DECODES(ReservationPage)
KHU_DECODES(ResourcePage)
KHU_DECODES(PolicyReview)
KHU_DECODES(PolicyAnswer)
KHU_DECODES(PolicyHistory)
KHU_DECODES(ManifestAnswer)
KHU_DECODES(VerifyAnswer)
KHU_DECODES(TokenPage)
KHU_DECODES(TokenAnswer)
KHU_DECODES(WhoAnswer)
KHU_DECODES(VersionAnswer)

KHU_ENCODES(SubmitRequest)
KHU_ENCODES(UpdateRequest)
KHU_ENCODES(JobPage)
KHU_ENCODES(NodePage)
KHU_ENCODES(GrantPage)
KHU_ENCODES(TokenPage)
KHU_ENCODES(ReasonRequest)
KHU_ENCODES(FileVerified)
KHU_ENCODES(ProjectCapRequest)
KHU_ENCODES(GrantRequest)
KHU_ENCODES(PaymentRequest)
KHU_ENCODES(PursePage)
KHU_ENCODES(RefundAsk)
KHU_ENCODES(ReservationAsk)
KHU_ENCODES(ResourcePage)
KHU_ENCODES(GrantAsk)
KHU_ENCODES(GrantDecision)
KHU_ENCODES(GrantImport)
KHU_ENCODES(GrantChange)
KHU_ENCODES(GrantReportRequest)
KHU_ENCODES(GrantTransferRequest)
KHU_ENCODES(PolicyRequest)
KHU_ENCODES(PolicyReview)
KHU_ENCODES(PolicyRollback)
KHU_ENCODES(ManifestAnswer)
KHU_ENCODES(TokenRequest)

#undef KHU_DECODES
#undef KHU_ENCODES

}  // namespace khu::cli
