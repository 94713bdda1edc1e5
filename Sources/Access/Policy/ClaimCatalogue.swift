import IPsecTypes

/// The attributes and claims that an identity can carry, so that a mistyped one is found before it never matches.
struct ClaimCatalogue {
    private let names: Set<String>

    /// - Parameter declared: Claims that `trust:` entries declare for generic issuers.
    init(declared: [String] = []) {
        names = Set(PolicySubject.builtInAttributes + Self.github + Self.gitlab + Self.other + declared)
    }

    /// Reports a name that no identity carries.
    func check(_ name: String, at place: SourcePlace, _ diagnostics: ConfigDiagnostics) {
        guard !names.contains(name) else { return }
        diagnostics.report(
            .unknownClaim,
            at: place,
            "unknown claim \"\(name.printable(limit: 60))\"",
            nearest: NearestName.find(name, in: names.sorted()),
            hint: "claims of a generic issuer are declared under trust: with claims: [...]"
        )
    }

    /// Claims of GitHub's tokens.
    private static let github = [
        "sub", "iss", "aud", "repository", "repository_id", "repository_owner", "repository_owner_id",
        "repository_visibility", "ref", "ref_type", "ref_protected", "sha", "environment", "event_name", "workflow",
        "workflow_ref", "workflow_sha", "job_workflow_ref", "job_workflow_sha", "run_id", "run_number", "run_attempt",
        "runner_environment", "actor", "actor_id", "head_ref", "base_ref", "enterprise", "enterprise_id",
    ]
    /// Claims of GitLab's tokens.
    private static let gitlab = [
        "namespace_id", "namespace_path", "project_id", "project_path", "project_visibility", "user_id", "user_login",
        "user_email", "user_access_level", "pipeline_id", "pipeline_source", "job_id", "ref_path", "runner_id",
        "environment_protected", "environment_action", "deployment_tier", "ci_config_ref_uri", "ci_config_sha",
        "job_namespace_id", "job_namespace_path", "job_project_id", "job_project_path",
    ]
    /// Claims of Jenkins' tokens and of directories.
    private static let other = ["build_number", "job_name", "job_url", "email", "department", "role"]
}
