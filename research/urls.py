"""The site's own addresses. They are permanent: what they name may go, but it never moves."""

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeDoneView, PasswordChangeView
from django.urls import path, reverse_lazy

from research import stream
from research.views import ask, health, metrics, replay, reports, runs, search, shares, wishes

urlpatterns = [
    path("", ask.ask, name="ask"),
    path("indexing", ask.indexing, name="indexing"),
    path("runs", runs.runs, name="runs"),
    path("runs/<uuid:run_id>", runs.run, name="run"),
    path("runs/<uuid:run_id>/stream", stream.stream, name="stream"),
    path("runs/<uuid:run_id>/stop", runs.stop, name="stop"),
    path("runs/<uuid:run_id>/answer-now", runs.answer_now, name="answer-now"),
    path("runs/<uuid:run_id>/plan", wishes.plan, name="plan"),
    path("runs/<uuid:run_id>/approve", wishes.approve, name="approve"),
    path("runs/<uuid:run_id>/remark", wishes.remark, name="remark"),
    path("runs/<uuid:run_id>/continue", wishes.go_on, name="continue"),
    path("runs/<uuid:run_id>/retry", wishes.retry, name="retry"),
    path("runs/<uuid:run_id>/again", wishes.again, name="again"),
    path("runs/<uuid:run_id>/steps", runs.steps, name="steps"),
    path("runs/<uuid:run_id>/steps/<int:seq>/shot", runs.shot, name="shot"),
    path("runs/<uuid:run_id>/trail", runs.trail, name="trail"),
    path("runs/<uuid:run_id>/replay", replay.replay, name="replay"),
    path("runs/<uuid:run_id>/delete", runs.delete, name="delete"),
    path("runs/<uuid:run_id>/report", reports.latest, name="latest-report"),
    path("runs/<uuid:run_id>/report/<int:version>", reports.report, name="report"),
    path("runs/<uuid:run_id>/report/<int:version>.md", reports.download, name="download"),
    path("runs/<uuid:run_id>/report/<int:version>.csv", reports.table, name="table"),
    path("runs/<uuid:run_id>/report/<int:version>/share", shares.share, name="share"),
    path(
        "runs/<uuid:run_id>/report/<int:version>/evidence/<int:number>",
        reports.evidence,
        name="report-evidence",
    ),
    path("runs/<uuid:run_id>/evidence/<int:number>", reports.evidence, name="evidence"),
    path("runs/<uuid:run_id>/evidence/<int:number>/shot", runs.cited_shot, name="cited-shot"),
    path("shares/<int:share_id>/revoke", shares.revoke, name="revoke"),
    path("shared/<str:token>", shares.shared, name="shared"),
    path("shared/<str:token>/table.csv", shares.shared_table, name="shared-table"),
    path("shared/<str:token>/evidence/<int:number>", shares.shared_evidence, name="shared-evidence"),
    path("search", search.search, name="search"),
    path("snapshots/<int:number>", search.snapshot, name="snapshot"),
    path("sign-in", LoginView.as_view(template_name="sign_in.html", redirect_authenticated_user=True), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path(
        "password",
        PasswordChangeView.as_view(template_name="password.html", success_url=reverse_lazy("password-changed")),
        name="password",
    ),
    path(
        "password/changed",
        PasswordChangeDoneView.as_view(template_name="password_changed.html"),
        name="password-changed",
    ),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", metrics.metrics, name="metrics"),
]
