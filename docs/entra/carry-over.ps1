# Gives everybody who has a role of the old enterprise application the same role of the new ones.
# Without -Apply it only tells what it would do. It can be run again: who has a role already is left alone.
param(
    [Parameter(Mandatory)] [string] $TenantId,
    # Application (client) ids of the two new registrations.
    [Parameter(Mandatory)] [string] $PortalAppId,
    [Parameter(Mandatory)] [string] $ApiAppId,
    # AzureCommunicationsGateway; the same in every tenant.
    [string] $OldAppId = '8502a0ec-c76d-412f-836c-398018e2312b',
    [switch] $Apply
)
$ErrorActionPreference = 'Stop'
Connect-MgGraph -TenantId $TenantId -Scopes 'Application.Read.All', 'AppRoleAssignment.ReadWrite.All' -NoWelcome

function Get-EnterpriseApplication([string] $AppId) {
    $found = Get-MgServicePrincipal -Filter "appId eq '$AppId'"
    if (-not $found) { throw "There is no enterprise application with the application id $AppId in this tenant." }
    $found
}

$old = Get-EnterpriseApplication $OldAppId
$targets = @((Get-EnterpriseApplication $PortalAppId), (Get-EnterpriseApplication $ApiAppId))
$given = @{}
foreach ($target in $targets) {
    foreach ($assigned in Get-MgServicePrincipalAppRoleAssignedTo -ServicePrincipalId $target.Id -All) {
        $given["$($assigned.PrincipalId) $($assigned.AppRoleId)"] = $true
    }
}

foreach ($assigned in Get-MgServicePrincipalAppRoleAssignedTo -ServicePrincipalId $old.Id -All) {
    $value = ($old.AppRoles | Where-Object Id -eq $assigned.AppRoleId).Value
    $who = "$($assigned.PrincipalType) $($assigned.PrincipalDisplayName)"
    # The roles of people are the portal's, those of programs are the API's.
    $target = $targets | Where-Object { $_.AppRoles.Value -contains $value } | Select-Object -First 1
    if (-not $target) { Write-Warning "${who}: the role '$value' has no counterpart, and is left out."; continue }
    $role = $target.AppRoles | Where-Object Value -eq $value
    if ($given["$($assigned.PrincipalId) $($role.Id)"]) { Write-Output "${who}: has $value already."; continue }
    Write-Output "${who}: gets $value of $($target.DisplayName)."
    if ($Apply) {
        New-MgServicePrincipalAppRoleAssignedTo -ServicePrincipalId $target.Id `
            -PrincipalId $assigned.PrincipalId -ResourceId $target.Id -AppRoleId $role.Id | Out-Null
    }
}
