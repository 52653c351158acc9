// SPDX-License-Identifier: Apache-2.0
// For each fault: what becomes of the request, and what the client sees.

export const FAULTS = {
  drop_after: { en: ["carried out", "a connection reset"], zh: ["已执行", "连接被重置"] },
  drop_before: { en: ["not seen at all; its nonce stays free", "a connection reset"], zh: ["完全未收到，nonce 未使用", "连接被重置"] },
  throttle: { en: ["refused", "HTTP 400 Throttling.User with the seconds to wait"], zh: ["被拒绝", "HTTP 400 Throttling.User，带等待秒数"] },
  delay: { en: ["carried out at once", "the answer, late"], zh: ["立即执行", "响应延迟"] },
  delay_before: { en: ["carried out after the wait, even if the client has gone", "the answer, late"], zh: ["等待后执行，即使客户端已离开", "响应延迟"] },
  error_500: { en: ["refused", "HTTP 500 InternalError"], zh: ["被拒绝", "HTTP 500 InternalError"] },
  error_500_after: { en: ["carried out", "HTTP 500 InternalError"], zh: ["已执行", "HTTP 500 InternalError"] },
  error_503: { en: ["refused", "HTTP 503 ServiceUnavailable"], zh: ["被拒绝", "HTTP 503 ServiceUnavailable"] },
  truncate_after: { en: ["carried out", "half a body, then the end"], zh: ["已执行", "响应体只有一半"] },
  empty_after: { en: ["carried out", "HTTP 200 and no body"], zh: ["已执行", "HTTP 200，无响应体"] },
  garbage: { en: ["refused", "HTTP 502 and a page of HTML"], zh: ["被拒绝", "HTTP 502，HTML 页面"] },
  garbage_after: { en: ["carried out", "HTTP 502 and a page of HTML"], zh: ["已执行", "HTTP 502，HTML 页面"] },
  system_error: { en: ["refused", "HTTP 200 isp.SYSTEM_ERROR (Globe: SYSTEM_ERROR)"], zh: ["被拒绝", "HTTP 200 isp.SYSTEM_ERROR（国际/港澳台：SYSTEM_ERROR）"] },
  system_error_after: { en: ["carried out", "HTTP 200 isp.SYSTEM_ERROR (Globe: SYSTEM_ERROR)"], zh: ["已执行", "HTTP 200 isp.SYSTEM_ERROR（国际/港澳台：SYSTEM_ERROR）"] },
  doomed: { en: ["refused", "isv.AMOUNT_NOT_ENOUGH: no money left"], zh: ["被拒绝", "isv.AMOUNT_NOT_ENOUGH：余额不足"] },
  refuse: { en: ["refused", "the code and the HTTP status below"], zh: ["被拒绝", "下面填写的错误码和 HTTP 状态"] },
  skewed_clock: { en: ["refused; its nonce stays free", "InvalidTimeStamp.Expired"], zh: ["被拒绝，nonce 未使用", "InvalidTimeStamp.Expired"] },
  hide_records: { en: ["carried out", "QuerySendDetails: a count above 0 and an empty list"], zh: ["已执行", "QuerySendDetails：总数大于 0，列表为空"] },
  no_records: { en: ["carried out", "QuerySendDetails: nothing found"], zh: ["已执行", "QuerySendDetails：查不到记录"] },
  lengths: { en: ["carried out", "BatchSendMessageToGlobe: a MessageIdList that contradicts the other fields"], zh: ["已执行", "BatchSendMessageToGlobe：MessageId 数量不符"] },
};
